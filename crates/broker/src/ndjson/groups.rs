//! Groups over NDJSON: the operations, asked of the coordinator by whoever is asked.
//!
//! What is typed by hand goes to any broker; what a group needs done is done by its coordinator. A broker that is not the
//! coordinator says so, and who is: our own client goes there.

use std::sync::Arc;

use yak_model::api::{ClientRole, GroupStream, OffsetCommit, OffsetCommitReply};
use yak_net::{Flow, Outbox};
use yak_protocol::{GroupRequest, RequestId};

use super::group_stream::MembershipStream;
use super::{Connection, encode_refusal};
use crate::answer::Outcome;
use crate::broker::Broker;
use crate::ops;
use crate::ops::group_stream::Membership;

/// Handles a request about groups.
pub(super) fn handle(
    connection: &mut Connection,
    id: Option<RequestId>,
    request: GroupRequest,
    outbox: &mut Outbox,
) -> Flow {
    let broker = Arc::clone(&connection.broker);
    match request {
        GroupRequest::FindCoordinator(request) => {
            connection.change(id, ops::find_coordinator::find_coordinator(broker, request), outbox);
        }
        GroupRequest::OffsetCommit(request) => {
            connection.change(id, commit(broker, request), outbox);
        }
        GroupRequest::OffsetFetch(request) => {
            connection.look(id, outbox, move || ops::offsets::offset_fetch(&broker, request));
        }
        GroupRequest::OffsetDelete(request) => {
            connection.change(id, ops::offsets::offset_delete(broker, request), outbox);
        }
        GroupRequest::ListGroups(request) => {
            connection.look(id, outbox, move || ops::groups::list_groups(&broker, &request));
        }
        GroupRequest::DescribeGroups(request) => {
            connection.look(id, outbox, move || ops::groups::describe_groups(&broker, &request));
        }
        GroupRequest::DeleteGroups(request) => {
            connection.change(id, ops::groups::delete_groups(broker, request), outbox);
        }
        GroupRequest::ConsumerGroupHeartbeat(mut request) => {
            request.client_host = connection.host();
            let heartbeat = ops::consumer_group_heartbeat::consumer_group_heartbeat(broker, request);
            connection.change(id, heartbeat, outbox);
        }
        GroupRequest::GroupStream(request) => return connection.join(id, request, outbox),
    }
    Flow::Continue
}

/// Commits; by hand nobody needs to have asked for the coordinator.
async fn commit(broker: Arc<Broker>, request: OffsetCommit) -> Outcome<OffsetCommitReply> {
    ops::find_coordinator::prepare(&broker, &request.group_id).await?;
    ops::offsets::offset_commit(broker, request).await
}

impl Connection {
    /// The connection becomes the membership of a consumer.
    fn join(&mut self, id: Option<RequestId>, request: GroupStream, outbox: &mut Outbox) -> Flow {
        let registration = self.registered(ClientRole::Consumer, &request.topics);
        match Membership::new(Arc::clone(&self.broker), request, self.host()) {
            Ok(membership) => {
                let asked = (id, self.caller.clone(), registration);
                Flow::Stream(Box::new(MembershipStream::new(membership, asked)))
            }
            Err(rejection) => {
                outbox.reply(|out| encode_refusal(out, id.as_ref(), &self.caller, rejection));
                Flow::Continue
            }
        }
    }

    /// Where the client comes from, written as Kafka writes it.
    fn host(&self) -> String {
        format!("/{}", self.peer.ip().to_canonical())
    }
}
