use super::*;
use std::time::Duration;

fn faults(text: &str, reader: impl FnOnce(&Section<'_>)) -> Vec<String> {
    let faults = Faults::default();
    parse(Path::new("test.toml"), text, &faults, reader);
    faults.into_vec().iter().map(ToString::to_string).collect()
}

#[test]
fn every_fault_is_found_in_one_run() {
    let found = faults("a = 1\nwait = \"soon\"\n\n[[x]]\nn = true\n[[x]]\n", |root| {
        root.required::<String>("a");
        root.optional::<Duration>("wait");
        root.tables("x", |x| x.required::<u16>("n"));
    });
    assert_eq!(
        found,
        [
            "test.toml:1: a is 1, want a text",
            "test.toml:2: wait is \"soon\", want a duration such as \"30s\", \"10m\", \"3h\" or \"7d\"",
            "test.toml:5: x[1].n is true, want a whole number from 0 to 65535",
            "test.toml:6: x[2].n is missing, want a whole number from 0 to 65535",
        ]
    );
}

#[test]
fn a_long_file_of_tables_reads_as_a_short_one_does() {
    let long = |count: usize| -> String {
        let table = |n| format!("[[x]]\nn = {n}\n[x.more]\nname = \"{}\"\n\n", "a".repeat(100));
        (0..count).map(table).collect()
    };
    let faulty = "[[x]]\nn = true\n[odd]\n";
    let read = |text: &str| {
        let faults = Faults::default();
        let read = |x: &Section<'_>| {
            (x.required::<u16>("n"), x.table("more", |more| more.required::<String>("name")))
        };
        let numbers = parse_tables(Path::new("x.toml"), text, &faults, "x", read);
        let numbers = numbers.map(|all| all.into_iter().map(|(n, _)| n).collect::<Vec<_>>());
        (numbers, faults.into_vec().iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let count = 10 * PART_BYTES / 150;
    assert!(parts(&long(count), "x").len() > 5);
    let numbers = (0..count).map(|n| u16::try_from(n).ok()).collect();
    assert_eq!(read(&long(count)), (Some(numbers), vec![]));
    let (all, found) = read(&(long(count) + faulty));
    assert_eq!(all.map(|all| all.len()), Some(count + 1));
    let line = 5 * count + 2;
    let wanted = [
        format!("x.toml:{line}: x[{}].n is true, want a whole number from 0 to 65535", count + 1),
        format!("x.toml:{}: odd is [odd], an unknown key, want one of the keys x", line + 1),
    ];
    assert_eq!(found, wanted);
    let broken = long(count) + "n = \n" + &long(count) + "m = \n";
    let (all, found) = read(&broken);
    assert_eq!((all, found.len()), (None, 2), "{found:?}");
    for odd in ["x = 1\n", "text = '''\n[[x]]\n'''\n"] {
        let text = odd.to_owned() + &long(count);
        assert_eq!(parts(&text, "x").len(), 1);
    }
    assert_eq!(read(""), (Some(vec![]), vec![]));
}

#[test]
fn an_unknown_key_is_named_with_those_that_are_known() {
    let found = faults("brokr = \"mqtt://x\"\n", |root| {
        root.optional::<String>("broker");
    });
    assert_eq!(
        found,
        [
            "test.toml:1: brokr is \"mqtt://x\", an unknown key, want one of the keys broker; did you mean broker?"
        ]
    );
}

#[test]
fn what_is_not_toml_is_named_with_its_line() {
    let found = faults("a = 1\nb = \n", |_| ());
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("test.toml:2: "), "{found:?}");
}
