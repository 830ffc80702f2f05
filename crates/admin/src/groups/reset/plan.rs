//! Where a partition is to go: each form of `--reset-offsets`, worked out.

use yak_model::{GroupId, Offset, TimestampMs, TopicPartition};

use super::file::Offsets;
use crate::groups::args::ResetArgs;

/// What is known of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) id: TopicPartition,
    /// What is committed.
    pub(super) current: Option<Offset>,
    pub(super) start: Offset,
    pub(super) end: Offset,
    /// The first record of the time that is meant; `None`: there is none so young.
    pub(super) at_time: Option<Offset>,
}

/// What is to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) id: TopicPartition,
    pub(super) current: Option<Offset>,
    pub(super) offset: Offset,
    /// What was asked for, if that is not there.
    pub(super) adjusted_from: Option<Offset>,
}

/// Where to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form<'a> {
    Earliest,
    Latest,
    Current,
    Offset(i64),
    Shift(i64),
    Time(TimestampMs),
    File(&'a Offsets, &'a GroupId),
}

impl<'a> Form<'a> {
    /// The form that the flags ask for, which are known to ask for exactly one.
    pub(super) fn of(args: &ResetArgs, group: &'a GroupId, file: Option<&'a Offsets>) -> Self {
        let ago = args.by_duration.map(|duration| {
            let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            TimestampMs::new(yak_cli::time::now().get().saturating_sub(millis).max(0))
        });
        match (file, args.to_offset, args.shift_by, ago.or(args.to_datetime)) {
            (Some(file), ..) => Self::File(file, group),
            (_, Some(offset), ..) => Self::Offset(offset),
            (_, _, Some(by), _) => Self::Shift(by),
            (.., Some(time)) => Self::Time(time),
            _ if args.to_earliest => Self::Earliest,
            _ if args.to_current => Self::Current,
            _ => Self::Latest,
        }
    }

    /// The time whose offset is to be looked up.
    pub(super) const fn time(self) -> Option<TimestampMs> {
        match self {
            Self::Time(time) => Some(time),
            _ => None,
        }
    }

    /// Where a partition goes. What is not there becomes the nearest that is.
    ///
    /// # Errors
    /// In words, when there is nothing to go by.
    pub(super) fn plan(self, bounds: &Bounds) -> Result<Planned, String> {
        let asked = match self {
            Self::Earliest => bounds.start,
            Self::Latest => bounds.end,
            Self::Current => bounds.current.unwrap_or(bounds.end),
            Self::Offset(offset) => Offset::new(offset),
            Self::Shift(by) => {
                let nothing = || format!("{} cannot be shifted: nothing is committed of it", bounds.id);
                Offset::new(bounds.current.ok_or_else(nothing)?.get().saturating_add(by))
            }
            Self::Time(_) => bounds.at_time.unwrap_or(bounds.end),
            Self::File(file, group) => file
                .offset(group, &bounds.id)
                .ok_or_else(|| format!("the file has no offset of {}", bounds.id))?,
        };
        let offset = asked.clamp(bounds.start, bounds.end.max(bounds.start));
        Ok(Planned {
            id: bounds.id.clone(),
            current: bounds.current,
            offset,
            adjusted_from: (offset != asked).then_some(asked),
        })
    }
}

#[cfg(test)]
mod tests {
    use yak_model::PartitionIndex;

    use super::*;

    fn bounds(current: Option<i64>) -> Bounds {
        Bounds {
            id: TopicPartition::new("orders".parse().unwrap(), PartitionIndex::new(0)),
            current: current.map(Offset::new),
            start: Offset::new(10),
            end: Offset::new(100),
            at_time: Some(Offset::new(40)),
        }
    }

    fn plan(form: Form<'_>, current: Option<i64>) -> Result<(i64, Option<i64>), String> {
        let planned = form.plan(&bounds(current))?;
        Ok((planned.offset.get(), planned.adjusted_from.map(Offset::get)))
    }

    #[test]
    fn every_form() {
        let time = TimestampMs::new(5);
        for (form, current, expected) in [
            (Form::Earliest, Some(50), (10, None)),
            (Form::Latest, Some(50), (100, None)),
            (Form::Current, Some(50), (50, None)),
            (Form::Current, None, (100, None)),
            (Form::Current, Some(5), (10, Some(5))),
            (Form::Offset(60), None, (60, None)),
            (Form::Offset(3), None, (10, Some(3))),
            (Form::Offset(300), None, (100, Some(300))),
            (Form::Shift(5), Some(50), (55, None)),
            (Form::Shift(-5), Some(50), (45, None)),
            (Form::Shift(-500), Some(50), (10, Some(-450))),
            (Form::Shift(i64::MAX), Some(50), (100, Some(i64::MAX))),
            (Form::Time(time), Some(50), (40, None)),
        ] {
            assert_eq!(plan(form, current), Ok(expected), "{form:?} {current:?}");
        }
        let young = Bounds { at_time: None, ..bounds(None) };
        assert_eq!(Form::Time(time).plan(&young).unwrap().offset, Offset::new(100));
        let nothing = "orders-0 cannot be shifted: nothing is committed of it";
        assert_eq!(plan(Form::Shift(1), None), Err(nothing.to_owned()));
    }
}
