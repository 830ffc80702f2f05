//! The groups of a cluster, each in one line.

use std::time::Duration;

use tokio::time::timeout;
use yak_client::{Admin, ClientError};
use yak_model::GroupId;
use yak_model::api::ListGroups;

use super::overview::GroupSummary;
use crate::groups::{Depth, GroupView, gather};

/// How long coordinators may take, so that one that hangs does not hold up the screen.
const PATIENCE: Duration = Duration::from_secs(2);
/// Groups that are shown.
const MOST: usize = 100;

/// The groups of the brokers that answer. Without an answer in time there are none to show.
pub(super) async fn summaries(admin: &Admin) -> Vec<GroupSummary> {
    match timeout(PATIENCE, try_summaries(admin)).await {
        Ok(Ok(groups)) => groups,
        Ok(Err(error)) => {
            tracing::info!(%error, "the groups are not known");
            Vec::new()
        }
        Err(_elapsed) => {
            tracing::info!("the groups were not told in time");
            Vec::new()
        }
    }
}

async fn try_summaries(admin: &Admin) -> Result<Vec<GroupSummary>, ClientError> {
    let answers = admin.list_groups(&ListGroups::default()).await?;
    let listed = answers.into_iter().filter_map(|(_, groups)| groups.ok()).flatten();
    let mut ids: Vec<GroupId> = listed.map(|group| group.group_id).collect();
    ids.sort();
    ids.dedup();
    ids.truncate(MOST);
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let views = gather(admin, &ids, Depth::Offsets).await?;
    Ok(views.into_iter().flatten().map(|view| summary(&view)).collect())
}

fn summary(view: &GroupView) -> GroupSummary {
    GroupSummary {
        group: view.group.group_id.to_string(),
        kind: view.group.kind,
        state: view.group.state,
        members: view.group.members.len(),
        coordinator: view.coordinator.as_ref().map(|coordinator| coordinator.broker_id),
        lag: view.total_lag(),
    }
}
