//! Dumps a segment, and checks that its batches go on from each other.

use std::io::Write;

use yak_model::{LeaderEpoch, Offset};
use yak_record::{BatchHeader, decode, verify_crc};

use super::batches::{Found, Segment};
use super::context::{Context, Place, Trouble};
use super::find::Target;
use super::groups::GroupRecord;

/// Where the batch before ended, and in which epoch it was written.
#[derive(Debug, Default)]
pub(super) struct Continuity {
    next: Option<Offset>,
    epoch: Option<LeaderEpoch>,
}

impl Continuity {
    /// A segment follows whose name says that it begins at `base`.
    fn begin_segment(&mut self, base: Offset, allow_gaps: bool) -> Option<String> {
        let before = self.next.replace(base)?;
        (base < before || (base > before && !allow_gaps))
            .then(|| format!("the segment before ends at offset {before}, this one begins at {base}"))
    }

    /// A batch follows. What is wrong with that, if anything.
    fn follow(&mut self, header: &BatchHeader, allow_gaps: bool) -> Option<String> {
        let (base, epoch) = (header.base_offset, header.partition_leader_epoch);
        let expected = self.next.replace(header.next_offset());
        let epoch_before = self.epoch.replace(epoch);
        match expected {
            Some(next) if base < next => {
                Some(format!("offset {base} comes again: the batch before ends at {next}"))
            }
            Some(next) if base > next && !allow_gaps => {
                Some(format!("non-consecutive offsets: {} is followed by {base}", next.prev()))
            }
            _ => match epoch_before {
                Some(before) if epoch < before => {
                    Some(format!("leader epoch {epoch} follows epoch {before}"))
                }
                _ => None,
            },
        }
    }

    /// Batches are missing here, which was reported; the next one may begin anywhere.
    const fn lose(&mut self) {
        self.next = None;
    }

    fn offset(&self) -> i64 {
        self.next.map_or(-1, Offset::get)
    }
}

/// How far a segment was dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// The end.
    End,
    /// A batch of which only these bytes are there.
    Unfinished { len: u64 },
}

/// Dumps a whole segment.
pub(super) fn dump<W: Write>(
    context: &mut Context<W>,
    target: &Target,
    base: i64,
    continuity: &mut Continuity,
) -> Result<(), Trouble> {
    let mut segment = Segment::open(&target.path)?;
    begin(context, &segment, base, continuity)?;
    if let Reached::Unfinished { len } = advance(context, &mut segment, continuity)? {
        unfinished(context, &segment, len, (target.last, continuity))?;
    }
    Ok(())
}

/// Announces a segment.
pub(super) fn begin<W: Write>(
    context: &mut Context<W>,
    segment: &Segment,
    base: i64,
    continuity: &mut Continuity,
) -> Result<(), Trouble> {
    context.printer.log_start(segment.path(), base)?;
    if let Some(problem) = continuity.begin_segment(Offset::new(base), context.args.allows_gaps()) {
        context.damage(Place { path: segment.path(), position: 0, offset: base }, &problem)?;
    }
    Ok(())
}

/// Dumps what has come since the last time.
pub(super) fn advance<W: Write>(
    context: &mut Context<W>,
    segment: &mut Segment,
    continuity: &mut Continuity,
) -> Result<Reached, Trouble> {
    let path = segment.path().to_owned();
    loop {
        let position = segment.position();
        let place = Place { path: &path, position, offset: continuity.offset() };
        match segment.next()? {
            Found::End => return Ok(Reached::End),
            Found::Unfinished { len } => return Ok(Reached::Unfinished { len }),
            Found::Invalid { len, why, to_the_end } => {
                context.printer.invalid(place, len, to_the_end)?;
                context.damage(place, &format_args!("{why} ({len} bytes are no batch)"))?;
                continuity.lose();
            }
            Found::Batch(header, bytes) => {
                let place = Place { offset: header.base_offset.get(), ..place };
                dump_batch(context, place, (&header, bytes))?;
                if let Some(problem) = continuity.follow(&header, context.args.allows_gaps()) {
                    context.damage(place, &problem)?;
                }
            }
        }
    }
}

/// Says what stands at the end of a segment and is no whole batch.
pub(super) fn unfinished<W: Write>(
    context: &mut Context<W>,
    segment: &Segment,
    len: u64,
    (last, continuity): (bool, &Continuity),
) -> Result<(), Trouble> {
    let (path, position) = (segment.path(), segment.position());
    let place = Place { path, position, offset: continuity.offset() };
    context.printer.invalid(place, len, true)?;
    let what = format!("{len} bytes at the end are no whole batch");
    if last {
        let name = path.display();
        context.note(&format!(
            "{name}: position {position}: {what}: an append in progress, or torn by a crash"
        ))?;
    } else {
        context.damage(place, &what)?;
    }
    Ok(())
}

fn dump_batch<W: Write>(
    context: &mut Context<W>,
    place: Place<'_>,
    (header, bytes): (&BatchHeader, &[u8]),
) -> Result<(), Trouble> {
    let valid = verify_crc(bytes);
    context.printer.batch(place, header, valid)?;
    if !valid {
        context.damage(place, &"the checksum does not match the content")?;
        return Ok(());
    }
    if !context.is_deep() {
        return Ok(());
    }
    let mut scratch = std::mem::take(&mut context.scratch);
    let outcome = dump_records(context, place, bytes, &mut scratch);
    context.scratch = scratch;
    outcome
}

fn dump_records<W: Write>(
    context: &mut Context<W>,
    place: Place<'_>,
    bytes: &[u8],
    scratch: &mut yak_record::Scratch,
) -> Result<(), Trouble> {
    let records = match decode(bytes, scratch, &context.limits) {
        Ok(records) => records,
        Err(problem) => return Ok(context.damage(place, &problem)?),
    };
    let header = *records.header();
    let mut expected = header.base_offset;
    for record in records {
        let record = match record {
            Ok(record) => record,
            Err(problem) => return Ok(context.damage(Place { offset: expected.get(), ..place }, &problem)?),
        };
        let group = (context.args.offsets_decoder && !header.attributes.is_control())
            .then(|| GroupRecord::decode(record.key, record.value));
        context.printer.record(place.path, &header, &record, group.as_ref())?;
        if let Some(GroupRecord::Malformed(problem)) = &group {
            context.damage(Place { offset: record.offset.get(), ..place }, problem)?;
        }
        if record.offset > expected && !context.args.allows_gaps() {
            let problem =
                format!("non-consecutive offsets: {} is followed by {}", expected.prev(), record.offset);
            context.damage(Place { offset: record.offset.get(), ..place }, &problem)?;
        }
        expected = record.offset.plus(1);
    }
    Ok(())
}
