//! Each client writes, reads and administers; what it did is checked by our own protocol.
//!
//! With `YAK_INTEROP_BOOTSTRAP` the same runs against another broker, checked by Apache Kafka's client.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod administers;
mod reads;
mod support;
mod writes;

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
            fn writes() {
                crate::writes::run(CLIENT);
            }

            #[test]
            #[ignore = "needs scripts/interop-setup.sh"]
            fn reads() {
                crate::reads::run(CLIENT);
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
