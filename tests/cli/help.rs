use clap::{Command, CommandFactory};
use stadspuls::cli::Cli;

use super::stadspuls;

/// Each command with the words that call it.
fn walk(command: &Command, words: &mut Vec<String>, visit: &mut impl FnMut(&[String], &Command)) {
    visit(words, command);
    for inner in command.get_subcommands() {
        words.push(inner.get_name().to_owned());
        walk(inner, words, visit);
        words.pop();
    }
}

#[test]
fn every_command_and_option_says_what_it_does() {
    let (mut commands, mut arguments) = (0, 0);
    walk(&Cli::command(), &mut Vec::new(), &mut |words, command| {
        commands += 1;
        assert!(command.get_about().is_some(), "{words:?} says nothing");
        for argument in command.get_arguments() {
            arguments += 1;
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.len() > 10, "{words:?} {}: {help:?}", argument.get_id());
            let is_long = argument.get_long().is_some();
            assert!(is_long || argument.is_positional(), "{words:?} {}", argument.get_id());
        }
    });
    assert!(commands >= 8 && arguments >= 20, "{commands} commands, {arguments} arguments");
}

#[test]
fn help_is_printed_for_every_command() {
    let mut printed = 0;
    walk(&Cli::command(), &mut Vec::new(), &mut |words, command| {
        let mut typed: Vec<&str> = words.iter().map(String::as_str).collect();
        typed.push("--help");
        let run = stadspuls(&typed);
        assert_eq!((run.code, &*run.err), (Some(0), ""), "{typed:?}");
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(run.out.contains(&format!("--{option}")), "{typed:?} without --{option}");
        }
        assert!(run.out.lines().all(|line| line.chars().count() <= 100), "{}", run.out);
        printed += 1;
    });
    assert!(printed >= 8, "{printed} commands");
}
