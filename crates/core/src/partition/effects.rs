//! What a replica wants done, in the order in which it must be done.

use std::collections::VecDeque;

use yak_model::Offset;
use yak_model::api::{IsrProposal, Rejection};

use super::{Acknowledged, Token};

/// Something for the shell to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Have this log synced, and tell by `handle_durable` or `handle_log_failed`. Asked for by every append to a
    /// `flush=sync` topic, waited for or not.
    Sync,
    /// The high watermark is here now: wake whoever waits to read.
    HighWatermark(Offset),
    /// A follower's durable end moved: tell the leader now, even while a fetch is held.
    Progress,
    /// Propose this to the controller, and tell by `handle_isr_reply`.
    ProposeIsr(IsrProposal),
    /// Answer a produce that waited. A rejection means that the records' fate is unknown.
    ProduceDone {
        /// Which.
        token: Token,
        /// With what.
        result: Result<Acknowledged, Rejection>,
    },
}

/// Effects not yet drained; those that say the same are one.
#[derive(Debug, Default)]
pub(super) struct Effects {
    sync: bool,
    high_watermark_moved: bool,
    progress: bool,
    proposal: Option<IsrProposal>,
    done: VecDeque<(Token, Result<Acknowledged, Rejection>)>,
}

impl Effects {
    pub(super) fn sync(&mut self) {
        self.sync = true;
    }

    pub(super) fn forget_sync(&mut self) {
        self.sync = false;
    }

    pub(super) fn high_watermark_moved(&mut self) {
        self.high_watermark_moved = true;
    }

    pub(super) fn progress(&mut self) {
        self.progress = true;
    }

    /// A later proposal takes the place of one that nobody has seen yet.
    pub(super) fn propose_isr(&mut self, proposal: IsrProposal) {
        self.proposal = Some(proposal);
    }

    pub(super) fn done(&mut self, token: Token, result: Result<Acknowledged, Rejection>) {
        self.done.push_back((token, result));
    }

    pub(super) fn poll(&mut self, high_watermark: Offset) -> Option<Effect> {
        if std::mem::take(&mut self.sync) {
            return Some(Effect::Sync);
        }
        if std::mem::take(&mut self.high_watermark_moved) {
            return Some(Effect::HighWatermark(high_watermark));
        }
        if std::mem::take(&mut self.progress) {
            return Some(Effect::Progress);
        }
        if let Some(proposal) = self.proposal.take() {
            return Some(Effect::ProposeIsr(proposal));
        }
        self.done.pop_front().map(|(token, result)| Effect::ProduceDone { token, result })
    }
}
