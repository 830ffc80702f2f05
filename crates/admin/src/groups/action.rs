//! The one action that a command line asks for, and what does not go with it.

use yak_cli::Failure;

use super::args::GroupsArgs;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Name groups.
    List,
    /// Show groups.
    Describe,
    /// Say why.
    Explain,
    /// Move committed offsets.
    ResetOffsets,
    /// Forget committed offsets.
    DeleteOffsets,
    /// Delete groups.
    Delete,
}

impl GroupsArgs {
    /// The one action that is asked for, with nothing given that it would ignore.
    ///
    /// # Errors
    /// When there is none or more than one, or a flag does not belong to it, or one that it needs is missing.
    pub fn action(&self) -> Result<Action, Failure> {
        let flags = &self.action;
        let asked: Vec<Action> = [
            (flags.list, Action::List),
            (flags.describe, Action::Describe),
            // (Beside --describe it says how to describe.)
            (flags.explain && !flags.describe, Action::Explain),
            (flags.reset_offsets, Action::ResetOffsets),
            (flags.delete_offsets, Action::DeleteOffsets),
            (flags.delete, Action::Delete),
        ]
        .into_iter()
        .filter_map(|(given, action)| given.then_some(action))
        .collect();
        let [action] = asked[..] else {
            let message = "exactly one of --list, --describe, --explain, --reset-offsets, --delete-offsets, --delete is \
                           required";
            return Err(Failure::usage(message).hint("`yak-groups --help` shows every option, and examples"));
        };
        if let Some(flag) = self.misplaced(action) {
            return Err(Failure::usage(format!("{flag} cannot be used with {}", action.flag())));
        }
        if action != Action::List && self.what.group.is_empty() && !self.what.all_groups {
            return Err(Failure::usage(format!("{} needs --group or --all-groups", action.flag())));
        }
        if let (true, Some(flag)) = (self.action.explain, self.described_as()) {
            return Err(Failure::usage(format!("{flag} cannot be used with --explain")));
        }
        match action {
            Action::ResetOffsets => self.check_reset().map(|()| action),
            Action::DeleteOffsets if self.what.topic.is_empty() => {
                Err(Failure::usage("--delete-offsets needs --topic"))
            }
            Action::Describe if self.described_as_several() => {
                Err(Failure::usage("only one of --offsets, --members, --state can be given"))
            }
            _ => Ok(if self.action.explain { Action::Explain } else { action }),
        }
    }

    fn described_as(&self) -> Option<&'static str> {
        let shown = &self.shown;
        let flags =
            [(shown.offsets, "--offsets"), (shown.members, "--members"), (shown.state.is_some(), "--state")];
        flags.iter().find(|(given, _)| *given).map(|(_, flag)| *flag)
    }

    fn described_as_several(&self) -> bool {
        let shown = &self.shown;
        [shown.offsets, shown.members, shown.state.is_some()].iter().filter(|given| **given).count() > 1
    }

    fn check_reset(&self) -> Result<(), Failure> {
        let reset = &self.reset;
        let forms = [
            reset.to_earliest,
            reset.to_latest,
            reset.to_current,
            reset.to_offset.is_some(),
            reset.shift_by.is_some(),
            reset.by_duration.is_some(),
            reset.to_datetime.is_some(),
            reset.from_file.is_some(),
        ];
        if forms.iter().filter(|given| **given).count() != 1 {
            return Err(Failure::usage(
                "--reset-offsets needs exactly one of --to-earliest, --to-latest, --to-current, --to-offset, --shift-by, \
                 --by-duration, --to-datetime, --from-file",
            ));
        }
        let has_scope = !self.what.topic.is_empty() || self.what.all_topics;
        match (&reset.from_file, has_scope) {
            (Some(_), true) => {
                Err(Failure::usage("--from-file names its partitions: no --topic, no --all-topics"))
            }
            (None, false) => Err(Failure::usage("--reset-offsets needs --topic or --all-topics")),
            _ => Ok(()),
        }
    }

    /// A flag that `action` would have to ignore.
    fn misplaced(&self, action: Action) -> Option<&'static str> {
        use Action::{Delete, DeleteOffsets, Describe, Explain, List, ResetOffsets};
        let (what, shown, reset) = (&self.what, &self.shown, &self.reset);
        let form = reset.to_earliest || reset.to_latest || reset.to_current;
        let valued = reset.to_offset.is_some() || reset.shift_by.is_some();
        let timed = reset.by_duration.is_some() || reset.to_datetime.is_some();
        let rules: [(bool, &'static str, &[Action]); 16] = [
            (!what.group.is_empty(), "--group", &[Describe, Explain, ResetOffsets, DeleteOffsets, Delete]),
            (what.all_groups, "--all-groups", &[Describe, Explain, ResetOffsets, Delete]),
            (!what.topic.is_empty(), "--topic", &[ResetOffsets, DeleteOffsets]),
            (what.all_topics, "--all-topics", &[ResetOffsets]),
            (shown.offsets, "--offsets", &[Describe]),
            (shown.members, "--members", &[Describe]),
            (shown.state.is_some(), "--state", &[Describe, List]),
            (shown.r#type.is_some(), "--type", &[List]),
            (shown.watch.is_some(), "--watch", &[List, Describe, Explain]),
            (form, "--to-earliest, --to-latest, --to-current", &[ResetOffsets]),
            (valued, "--to-offset, --shift-by", &[ResetOffsets]),
            (timed, "--by-duration, --to-datetime", &[ResetOffsets]),
            (reset.from_file.is_some(), "--from-file", &[ResetOffsets]),
            (reset.execute, "--execute", &[ResetOffsets]),
            (reset.dry_run, "--dry-run", &[ResetOffsets]),
            (reset.export, "--export", &[ResetOffsets]),
        ];
        let found = rules.iter().find(|(given, _, actions)| *given && !actions.contains(&action));
        found.map(|(_, flag, _)| *flag)
    }
}

impl Action {
    const fn flag(self) -> &'static str {
        match self {
            Self::List => "--list",
            Self::Describe => "--describe",
            Self::Explain => "--explain",
            Self::ResetOffsets => "--reset-offsets",
            Self::DeleteOffsets => "--delete-offsets",
            Self::Delete => "--delete",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn action(line: &str) -> Result<Action, String> {
        let args = GroupsArgs::try_parse_from(format!("yak-groups {line}").split_whitespace()).unwrap();
        args.action().map_err(|failure| failure.message)
    }

    #[test]
    fn exactly_one_action() {
        for (line, expected) in [
            ("--list", Action::List),
            ("--list --state", Action::List),
            ("--list --state Stable,Empty --type consumer", Action::List),
            ("--describe --group g", Action::Describe),
            ("--describe --all-groups --members --verbose", Action::Describe),
            ("--describe --group g --explain", Action::Explain),
            ("--explain --group g --group h", Action::Explain),
            ("--reset-offsets --group g --topic t:0,1 --shift-by -5 --execute", Action::ResetOffsets),
            ("--reset-offsets --group g --from-file f", Action::ResetOffsets),
            ("--delete-offsets --group g --topic t", Action::DeleteOffsets),
            ("--delete --group g", Action::Delete),
        ] {
            assert_eq!(action(line), Ok(expected), "{line}");
        }
        let one = "exactly one of --list, --describe, --explain, --reset-offsets, --delete-offsets, --delete is required";
        assert_eq!(action("--group g"), Err(one.to_owned()));
        assert_eq!(action("--list --delete"), Err(one.to_owned()));
    }

    #[test]
    fn a_flag_that_would_be_ignored_is_refused() {
        for (line, message) in [
            ("--describe", "--describe needs --group or --all-groups"),
            ("--delete", "--delete needs --group or --all-groups"),
            ("--list --group g", "--group cannot be used with --list"),
            (
                "--describe --group g --members --state",
                "only one of --offsets, --members, --state can be given",
            ),
            ("--explain --group g --members", "--members cannot be used with --explain"),
            ("--describe --explain --group g --state", "--state cannot be used with --explain"),
            ("--describe --group g --execute", "--execute cannot be used with --describe"),
            ("--delete --group g --topic t", "--topic cannot be used with --delete"),
            ("--delete-offsets --group g", "--delete-offsets needs --topic"),
            ("--reset-offsets --group g --to-latest", "--reset-offsets needs --topic or --all-topics"),
            (
                "--reset-offsets --group g --from-file f --all-topics",
                "--from-file names its partitions: no --topic, no --all-topics",
            ),
        ] {
            assert_eq!(action(line), Err(message.to_owned()), "{line}");
        }
        let forms = action("--reset-offsets --group g --topic t --to-latest --to-earliest").unwrap_err();
        assert!(forms.starts_with("--reset-offsets needs exactly one of --to-earliest, "), "{forms}");
    }
}
