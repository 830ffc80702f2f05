//! Each client's members of groups: they share partitions, come and go, are killed and replaced; and what each client has to
//! administer groups. `tests/groups/stage.rs` says what is asked of the programs.

#![expect(clippy::panic, reason = "a test fails by panicking")]

mod administers;
mod goes_on;
mod losses;
mod shares;
mod stage;
mod trial;

macro_rules! clients {
    ($($name:ident: $client:ident,)*) => {
        /// Every client has its tests.
        #[test]
        fn no_client_is_forgotten() {
            let tested = [$(yak_test_interop::Client::$client),*];
            assert!(yak_test_interop::Client::ALL.iter().all(|client| tested.contains(client)));
        }

        $(mod $name {
            use yak_test_interop::Client;

            const CLIENT: Client = Client::$client;

            #[test]
            #[ignore = "needs scripts/interop-setup.sh"]
            fn shares() {
                crate::shares::run(CLIENT);
            }

            #[test]
            #[ignore = "needs scripts/interop-setup.sh"]
            fn loses_members() {
                crate::losses::run(CLIENT);
            }

            #[test]
            #[ignore = "needs scripts/interop-setup.sh"]
            fn goes_on() {
                crate::goes_on::run(CLIENT);
            }

            #[test]
            #[ignore = "needs scripts/interop-setup.sh"]
            fn administers() {
                crate::administers::run(CLIENT);
            }
        })*
    };
}

clients! {
    java_4: Java4,
    java_3_9: Java39,
    kafka_python_3: KafkaPython3,
    kafka_python_2_0_2: KafkaPython202,
    kafka_python_1_4_7: KafkaPython147,
    kafka_python_1_4_4: KafkaPython144,
    confluent_kafka: Confluent,
    aiokafka: Aiokafka,
    kafkajs: Kafkajs,
    kcat: Kcat,
    rskafka: Rskafka,
}
