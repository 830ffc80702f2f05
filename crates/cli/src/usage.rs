//! Command lines that make no sense: one `error:` line and a hint, never a page of usage.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::OutputArgs;
use crate::console::Console;
use crate::failure::{Exit, Failure};

/// Help and version go to stdout and are a success; anything else is one line on stderr, and a hint.
#[must_use]
pub fn refuse(error: &clap::Error, tool: &str, output: &OutputArgs) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        error.print().unwrap_or_default();
        return Exit::Done;
    }
    let failure = reduce(error, tool);
    Console::new(output).failure(&failure);
    failure.exit
}

/// What is wrong with the command line of `tool`, in one line.
#[must_use]
pub fn reduce(error: &clap::Error, tool: &str) -> Failure {
    let argument = text(error, ContextKind::InvalidArg).map(|name| bare(&name));
    let message = match (error.kind(), argument) {
        (ErrorKind::UnknownArgument, Some(argument)) => unknown(&argument),
        (ErrorKind::InvalidValue, Some(argument)) => invalid_value(error, &argument),
        (ErrorKind::ValueValidation, Some(argument)) => invalid(error, &argument),
        (ErrorKind::MissingRequiredArgument, Some(argument)) => format!("{argument} is required"),
        (ErrorKind::ArgumentConflict, Some(argument)) => conflict(error, &argument),
        (ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues, Some(argument)) => {
            format!("{argument}: a wrong number of values")
        }
        _ => first_line(error),
    };
    let suggestion =
        text(error, ContextKind::SuggestedArg).or_else(|| text(error, ContextKind::SuggestedValue));
    let hint = match suggestion {
        Some(meant) => format!("did you mean '{}'?", bare(&meant)),
        None => format!("`{tool} --help` shows every option, and examples"),
    };
    Failure::usage(message).hint(hint)
}

fn unknown(argument: &str) -> String {
    if argument.starts_with('-') {
        format!("unknown option '{argument}'")
    } else {
        format!("unexpected argument '{argument}'")
    }
}

/// One of several words was wanted; or no value was given at all.
fn invalid_value(error: &clap::Error, argument: &str) -> String {
    let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
    let valid = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) => valid.join(", "),
        _ => String::new(),
    };
    match (value.is_empty(), valid.is_empty()) {
        (true, true) => format!("{argument} needs a value"),
        (true, false) => format!("{argument} needs a value, one of {valid}"),
        (false, true) => format!("{argument}: \"{value}\" is not a value it takes"),
        (false, false) => format!("{argument}: \"{value}\" is not one of {valid}"),
    }
}

/// A reader of ours refused the value; its message says everything.
fn invalid(error: &clap::Error, argument: &str) -> String {
    match std::error::Error::source(error) {
        Some(problem) => format!("{argument}: {problem}"),
        None => invalid_value(error, argument),
    }
}

fn conflict(error: &clap::Error, argument: &str) -> String {
    match text(error, ContextKind::PriorArg).map(|name| bare(&name)) {
        Some(prior) if prior == argument => format!("{argument} was given twice"),
        Some(prior) => format!("{argument} cannot be used with {prior}"),
        None => format!("{argument} cannot be used here"),
    }
}

/// Whatever else there is, in clap's words.
fn first_line(error: &clap::Error) -> String {
    let rendered = error.to_string();
    let line = rendered.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    }
}

/// `--topic <TOPIC>` without what follows the name.
fn bare(argument: &str) -> String {
    argument.split([' ', '=', '[']).next().unwrap_or(argument).to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{ConnectionArgs, OutputArgs};
    use crate::parse;

    #[derive(Debug, Parser)]
    struct Tool {
        #[arg(long, short, required = true)]
        topic: Option<String>,
        #[arg(long, value_parser = parse::partition, conflicts_with = "topic_only")]
        partition: Option<yak_model::PartitionIndex>,
        #[arg(long)]
        topic_only: bool,
        #[command(flatten)]
        connection: ConnectionArgs,
        #[command(flatten)]
        output: OutputArgs,
    }

    fn shown(line: &str) -> (String, String) {
        let error = Tool::try_parse_from(line.split(' ')).unwrap_err();
        let failure = reduce(&error, "tool");
        (failure.message, failure.hint.unwrap_or_default())
    }

    #[test]
    fn every_fault_is_one_line_and_a_hint() {
        let help = "`tool --help` shows every option, and examples";
        for (line, message, hint) in [
            ("tool --topc t", "unknown option '--topc'", "did you mean '--topic'?"),
            ("tool -t t --frobnicate", "unknown option '--frobnicate'", help),
            ("tool -t t extra", "unexpected argument 'extra'", help),
            ("tool", "--topic is required", help),
            ("tool -t", "--topic needs a value", help),
            ("tool -t t --partition x", "--partition: \"x\" is not a whole number", help),
            ("tool -t t --color maybe", "--color: \"maybe\" is not one of auto, always, never", help),
            (
                "tool -t t --color neber",
                "--color: \"neber\" is not one of auto, always, never",
                "did you mean 'never'?",
            ),
            ("tool -t t -b h:x", "--bootstrap-server: \"h:x\" is not HOST[:PORT]", help),
            ("tool -t t -X a", "--command-property: \"a\" is not key=value", help),
            ("tool -t t -t u", "--topic was given twice", help),
            ("tool -t t --partition 1 --topic-only", "--partition cannot be used with --topic-only", help),
            ("tool -t t --json=1", "--json: a wrong number of values", help),
        ] {
            assert_eq!(shown(line), (message.to_owned(), hint.to_owned()), "{line}");
        }
    }

    #[test]
    fn aliases_are_understood() {
        for alias in ["-b", "--bootstrap-server", "--bootstrap-servers", "--broker-list"] {
            let tool = Tool::try_parse_from(["tool", "-t", "t", alias, "h:1"]).unwrap();
            assert_eq!(tool.connection.bootstrap_server.unwrap().0[0].to_string(), "h:1");
        }
        for alias in ["-X", "--command-property", "--producer-property", "--consumer-property"] {
            let tool = Tool::try_parse_from(["tool", "-t", "t", alias, "a=b"]).unwrap();
            assert_eq!(tool.connection.command_property, [("a".to_owned(), "b".to_owned())]);
        }
        for alias in ["--command-config", "--producer.config", "--consumer.config"] {
            let tool = Tool::try_parse_from(["tool", "-t", "t", alias, "f"]).unwrap();
            assert_eq!(tool.connection.command_config.unwrap().to_str(), Some("f"));
        }
    }
}
