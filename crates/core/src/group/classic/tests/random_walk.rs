//! Anything in any order: the invariants hold after each step, every question has its answer, and whoever is told an
//! assignment was told of that generation.

use super::*;

/// A small generator: the walks are the same on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % limit as u64).unwrap()
    }
}

#[derive(Default)]
struct Client {
    member: Option<MemberId>,
    instance: Option<InstanceId>,
    generation: Option<GenerationId>,
    joins: Option<Token>,
    syncs: Option<Token>,
}

const PROTOCOLS: [&[&str]; 3] = [&["range"], &["sticky", "range"], &["range", "sticky"]];

fn step(rig: &mut Rig, chance: &mut Chance, clients: &mut [Client], owners: &mut Owners) {
    let at = chance.below(clients.len());
    let client = &clients[at];
    match chance.below(40) {
        // What a client does that is in its senses.
        0..=29 if client.joins.is_some() || client.syncs.is_some() => {}
        0..=29
            if client.generation != Some(rig.group.generation_id())
                || rig.group.state() == State::Preparing =>
        {
            join(rig, chance, clients, at);
        }
        0..=29 if rig.group.state() == State::Completing => sync(rig, clients, at),
        0..=29 => heartbeat(rig, &clients[at]),
        // And what it does that is not, or late.
        30 => join(rig, chance, clients, at),
        31 => sync(rig, clients, at),
        32 => heartbeat(rig, &clients[at]),
        33 => {
            let client = &mut clients[at];
            let gone = LeavingMember {
                member_id: client.member.take(),
                instance_id: client.instance.clone(),
                reason: None,
            };
            drop(rig.group.handle_leave(rig.now_ms, &gone));
        }
        34..=38 => rig.pass(chance.below(8_000) as u64),
        // A crash: it forgets its id, and whatever it asked.
        _ => clients[at] = Client { instance: clients[at].instance.clone(), ..Client::default() },
    }
    rig.drain();
    hear(rig, clients, owners);
}

fn heartbeat(rig: &mut Rig, client: &Client) {
    if let Some((id, generation)) = client.member.clone().zip(client.generation) {
        let instance_id = client.instance.clone();
        let identity = MemberIdentity { member_id: id, instance_id, generation_id: generation };
        drop(rig.group.handle_heartbeat(rig.now_ms, &identity));
    }
}

fn join(rig: &mut Rig, chance: &mut Chance, clients: &mut [Client], at: usize) {
    let client = &mut clients[at];
    let again = JoinGroup {
        member_id: client.member.clone(),
        instance_id: client.instance.clone(),
        requires_known_member_id: client.instance.is_none() && chance.below(2) == 0,
        ..request(&format!("c{at}"), PROTOCOLS[chance.below(3)])
    };
    match rig.join(&again) {
        Ok(Join::Waiting(token)) => client.joins = Some(token),
        Ok(Join::Done(reply)) => {
            client.member = Some(reply.member_id.clone());
            client.generation = Some(reply.generation_id);
        }
        Err(refused) => match refused.rejection.code {
            ErrorCode::MemberIdRequired => client.member = refused.member_id,
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => client.member = None,
            ErrorCode::InconsistentGroupProtocol => {}
            code => panic!("{code}"),
        },
    }
}

fn sync(rig: &mut Rig, clients: &mut [Client], at: usize) {
    let client = &mut clients[at];
    let Some((id, generation)) = client.member.clone().zip(client.generation) else { return };
    let everybody: Vec<MemberId> = rig.group.view().members.into_iter().map(|one| one.member_id).collect();
    let assignments: Vec<(&MemberId, &str)> = everybody.iter().map(|one| (one, one.as_str())).collect();
    let mut wish = rig.sync_request(&id, &assignments);
    wish.member.generation_id = generation;
    wish.member.instance_id = client.instance.clone();
    if let Ok(Sync::Waiting(token)) = rig.sync(wish) {
        client.syncs = Some(token);
    }
}

/// Who was told which assignment of which generation.
type Owners = BTreeMap<(GenerationId, Bytes), Token>;

fn hear(rig: &mut Rig, clients: &mut [Client], owners: &mut Owners) {
    for client in clients {
        if let Some(joined) = client.joins.and_then(|token| rig.joined.remove(&token)) {
            client.joins = None;
            match joined {
                Ok(reply) => {
                    client.member = Some(reply.member_id);
                    client.generation = Some(reply.generation_id);
                }
                Err(_) => client.member = None,
            }
        }
        let Some(token) = client.syncs else { continue };
        if let Some(synced) = rig.synced.remove(&token) {
            client.syncs = None;
            if let Ok(reply) = synced {
                let generation = client.generation.expect("it was told of a generation");
                if !reply.assignment.is_empty() {
                    let other = owners.insert((generation, reply.assignment.clone()), token);
                    assert_eq!(
                        other, None,
                        "{:?} has two owners in generation {generation}",
                        reply.assignment
                    );
                }
            }
        }
    }
}

#[test]
fn nothing_is_owned_twice_and_nobody_is_left_without_an_answer() {
    let (mut assigned, mut generations) = (0, 0);
    for seed in 0..300 {
        let (mut rig, mut chance) = (Rig::new(), Chance(seed));
        let mut clients: Vec<Client> = (0..5).map(|_| Client::default()).collect();
        clients[0].instance = Some(InstanceId::new("i").unwrap());
        let mut owners = Owners::new();
        for _ in 0..400 {
            step(&mut rig, &mut chance, &mut clients, &mut owners);
        }
        // Then nobody fails any more, and everybody gets its part.
        rig.pass(400_000);
        hear(&mut rig, &mut clients, &mut owners);
        assert!(clients.iter().all(|client| client.joins.is_none() && client.syncs.is_none()), "seed {seed}");
        assert_eq!(rig.group.state(), State::Empty, "seed {seed}: all were silent for long");
        assigned += owners.len();
        generations += rig.group.generation_id().get();
        let last = rig.grow("last").member_id;
        rig.settle();
        assert_eq!(rig.group.view().members[0].assignment, last.as_str(), "seed {seed}");
    }
    assert!(assigned > 3_000 && generations > 3_000, "{assigned} assignments in {generations} generations");
}
