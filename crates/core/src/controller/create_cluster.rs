//! Create cluster: the first command of a journal.

use yak_model::api::Rejection;
use yak_model::metadata::MetadataRecord;
use yak_model::{ClusterId, ErrorCode};

use super::Draft;
use super::command::Decide;

/// Names a cluster that has no name yet.
#[derive(Clone, Copy, Debug)]
pub struct CreateCluster {
    /// Names it for ever.
    pub cluster_id: ClusterId,
}

impl Decide for CreateCluster {
    type Reply = ();

    fn decide(self, draft: &mut Draft<'_>) -> Result<(), Rejection> {
        let present = draft.image().cluster_id();
        if !present.uuid().is_zero() {
            let message = format!("the cluster is {present} already");
            return Err(Rejection::new(ErrorCode::InconsistentClusterId, message));
        }
        draft.because("a new cluster");
        draft.push(MetadataRecord::Cluster { cluster_id: self.cluster_id });
        Ok(())
    }
}
