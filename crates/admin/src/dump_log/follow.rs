//! `--follow`: goes on with what is appended, segment after segment, until interrupted.
//!
//! Only segments are followed. A partition's last segment is looked at five times a second; when there is a newer
//! one, the last is complete, is read to its end, and left.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use yak_cli::Interrupt;
use yak_cli::stdout::reader_gone;

use super::batches::Segment;
use super::context::{Context, Stop, Trouble};
use super::find::{self, Kind, Target};
use super::log::{self, Continuity, Reached};

const INTERVAL: Duration = Duration::from_millis(200);

/// A partition that is followed.
#[derive(Debug)]
pub(super) struct Follower {
    directory: PathBuf,
    continuity: Continuity,
    base: i64,
    segment: Option<Segment>,
}

/// Dumps the segments of `groups`, and what is appended behind them, until interrupted.
pub(super) async fn run<W: Write>(
    context: &mut Context<W>,
    groups: &[Vec<Target>],
    interrupt: &Interrupt,
) -> Result<(), Stop> {
    let mut followers: Vec<_> = groups.iter().filter_map(|group| Follower::new(group)).collect();
    let mut gone = std::pin::pin!(reader_gone());
    while !interrupt.is_raised() {
        for follower in &mut followers {
            match follower.advance(context).or_else(Trouble::unless_gone) {
                Ok(()) => {}
                Err(Trouble::Stop(stop)) => return Err(stop),
                Err(Trouble::Read(error)) => context.cannot_read(&follower.directory, &error)?,
            }
        }
        context.printer.flush()?;
        tokio::select! {
            () = interrupt.raised() => {}
            // With nothing to print, a write would not notice it.
            () = &mut gone => return Ok(()),
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
    Ok(())
}

impl Follower {
    /// Begins with the first segment of a group, if it has one.
    pub(super) fn new(group: &[Target]) -> Option<Self> {
        let first = group.iter().find(|target| matches!(target.kind, Kind::Log(_)))?;
        let Kind::Log(base) = first.kind else { return None };
        let directory = first.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Some(Self {
            directory: directory.unwrap_or(Path::new(".")).to_owned(),
            continuity: Continuity::default(),
            base,
            segment: None,
        })
    }

    /// Dumps everything that is there now.
    pub(super) fn advance<W: Write>(&mut self, context: &mut Context<W>) -> Result<(), Trouble> {
        loop {
            // Listed before the segment is read: what is read behind this was complete by then.
            let segments = find::segments(&self.directory)?;
            let newer = segments.iter().find(|(base, _)| *base > self.base).cloned();
            if self.segment.is_none() {
                match segments.iter().find(|(base, _)| *base >= self.base) {
                    Some((base, path)) => self.enter(context, *base, path)?,
                    None => return Ok(()),
                }
                continue;
            }
            self.read(context, newer.is_some())?;
            match newer {
                Some((base, path)) => self.enter(context, base, &path)?,
                None => return Ok(()),
            }
        }
    }

    fn enter<W: Write>(&mut self, context: &mut Context<W>, base: i64, path: &Path) -> Result<(), Trouble> {
        context.printer.begin(path)?;
        let segment = Segment::open(path)?;
        log::begin(context, &segment, base, &mut self.continuity)?;
        (self.base, self.segment) = (base, Some(segment));
        Ok(())
    }

    /// Reads on; at the end of a segment that is complete nothing may be left over.
    fn read<W: Write>(&mut self, context: &mut Context<W>, complete: bool) -> Result<(), Trouble> {
        let Some(segment) = &mut self.segment else { return Ok(()) };
        if segment.rewind_if_truncated()? {
            let path = segment.path().display().to_string();
            context.note(&format!("{path}: was truncated to {} bytes", segment.position()))?;
            self.continuity = Continuity::default();
        }
        match log::advance(context, segment, &mut self.continuity)? {
            Reached::Unfinished { len } if complete => {
                log::unfinished(context, segment, len, (false, &self.continuity))
            }
            Reached::Unfinished { .. } | Reached::End => Ok(()),
        }
    }
}
