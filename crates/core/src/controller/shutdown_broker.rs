//! Shutdown broker: it leaves in order, and what it led goes to the next in each queue first.

use yak_model::api::{Rejection, ShutdownBroker};

use super::Draft;
use super::command::Decide;
use super::fence_broker::fence;

impl Decide for ShutdownBroker {
    type Reply = ();

    fn decide(self, draft: &mut Draft<'_>) -> Result<(), Rejection> {
        let Self { broker_id, broker_epoch } = self;
        if draft.registered(broker_id, broker_epoch)?.fenced {
            return Ok(());
        }
        draft.because(format!("broker {broker_id} shut down"));
        fence(draft, broker_id, broker_epoch);
        Ok(())
    }
}
