use super::*;
use tempfile::TempDir;

const COLUMNS: Columns<'static> = Columns {
    required: &["dev_eui", "profile"],
    optional: &["height", "from"],
    prefix: "variable.",
};

type Cells = Vec<Option<String>>;

/// What is read of a file, and what is said of it.
fn read(bytes: &[u8]) -> (Vec<Cells>, Vec<String>) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("list.csv");
    fs::write(&path, bytes).unwrap();
    let faults = Faults::default();
    let rows = read_rows(&path, &faults, &COLUMNS, |row| {
        row.number("height");
        ["dev_eui", "profile", "height"].map(|column| row.cell(column).map(str::to_owned)).into()
    });
    let folder = format!("{}/", dir.path().display());
    let said = faults.into_vec().iter().map(|one| one.to_string().replace(&folder, "")).collect();
    (rows, said)
}

#[test]
fn a_table_is_taken_as_a_spreadsheet_writes_it() {
    let rows: Vec<Cells> = [["1", "a/b", "63,5"], ["2", "a/b", "0"]]
        .map(|row| row.map(|cell| Some(cell.to_owned())).into())
        .into();
    let cases = [
        ("plain", "dev_eui,profile,height\n1,a/b,\"63,5\"\n2,a/b,0\n"),
        ("Swedish Excel", "\u{feff}dev_eui;profile;height\r\n1;a/b;63,5\r\n2;a/b;0\r\n"),
        ("tabs and no newline at the end", "dev_eui\tprofile\theight\n1\ta/b\t63,5\n2\ta/b\t0"),
        ("empty rows and columns", "dev_eui;profile;height;;\n\n1;a/b;63,5;;\n;;;;\n2;a/b;0;;\n"),
        ("names as people write them", "DevEUI;Profile;HEIGHT\n1;a/b;63,5\n2;a/b;0\n"),
        ("an old Mac", "dev_eui;profile;height\r1;a/b;63,5\r2;a/b;0\r"),
        ("another order", "Height;Dev EUI;profile\n63,5;1;a/b\n0;2;a/b\n"),
        ("spaces around", " dev_eui ; profile;height\n 1 ;\u{a0}a/b ;63,5\n2;a/b; 0\n"),
        (
            "all quoted",
            "\"dev_eui\";\"profile\";\"height\"\n\"1\";\"a/b\";\"63,5\"\n\"2\";\"a/b\";\"0\"\n",
        ),
        (
            "a note",
            "dev_eui;# says \"\"\"x\"\"\";profile;height\n1;\"two\nlines;\";a/b;63,5\n2;;a/b;0\n",
        ),
    ];
    for (what, text) in cases {
        assert_eq!(read(text.as_bytes()), (rows.clone(), vec![]), "{what}");
    }
}

#[test]
fn what_is_wrong_with_a_table_is_said_once() {
    #[rustfmt::skip]
    let cases: [(&[u8], &str); 13] = [
        (b"", "list.csv: empty, want columns dev_eui, profile, height, from"),
        (b"dev_eui;height\n1;2\n3;4\n", "list.csv:1: no column profile, want one of this name in the first row"),
        (b"dev_eui;profile;heigth\n1;a/b;2\n", "list.csv:1: \"heigth\", an unknown column, want names out of dev_eui, profile, height, from and variable.NAME, or a # before what is not to be read; did you mean height?"),
        (b"dev_eui;profile;AppKey;H\xc3\xb6jd\n1;a/b;2\n", "list.csv:1: \"AppKey\", \"H\u{f6}jd\", unknown columns, want names out of dev_eui, profile, height, from and variable.NAME, or a # before what is not to be read"),
        (b"0e7a11fffe0d0101;a/b\n0e7a11fffe0d0102;a/b", "list.csv:1: a first row without names of columns, want the names of the columns: dev_eui, profile, height, from"),
        (b"dev_eui;profile;DevEUI\n1;a/b;2\n", "list.csv:1: \"DevEUI\" once more, want each column once"),
        (b"dev_eui,profile,height\n1,a/b,63,5\n", "list.csv:2: a row of 4 cells, want 3, as in the first row; a cell with a comma in it goes in \" \""),
        (b"dev_eui,profile,height\n1,a/b,63,5\n2,a/b,63,5\n", "list.csv:2: a row of 4 cells, and so in 1 more row, want 3, as in the first row; a cell with a comma in it goes in \" \""),
        (b"dev_eui;profile;height\n1;a/b;high\n2;a/b;1\n3;a/b;high\n4;a/b;high\n", "list.csv:2: height is \"high\", and so in 2 more rows, want a number such as 63,5"),
        (b"dev_eui;profile\n1;a/b\n2;Br\xe5n\n", "list.csv:3: a character that is not UTF-8, want text in UTF-8: in Excel choose Save As and \"CSV UTF-8\""),
        (b"\xff\xfed\0e\0v\0", "list.csv:1: a character that is not UTF-8, want text in UTF-8: in Excel choose Save As and \"CSV UTF-8\""),
        (b"PK\x03\x04\x14\0", "list.csv: a workbook, want text in UTF-8: in Excel choose Save As and \"CSV UTF-8\""),
        (b"dev_eui;profile\n1;\"a/b\n2;a/b\n", "list.csv:2: a \" that is never closed, want a \" at either end of a cell"),
    ];
    for (bytes, wanted) in cases {
        assert_eq!(read(bytes).1, [wanted]);
    }
}

#[test]
fn a_time_without_a_zone_is_a_clock_in_sweden() {
    let cases = [
        ("2026-05-01", Some("2026-04-30T22:00:00Z")),
        ("2026-05-01 13:30", Some("2026-05-01T11:30:00Z")),
        ("2026-01-01 13:30:15", Some("2026-01-01T12:30:15Z")),
        ("2026-05-01T13:30:00Z", Some("2026-05-01T13:30:00Z")),
        ("2026-05-01T13:30:00+02:00", Some("2026-05-01T11:30:00Z")),
        // At night the clock is put forward, and there is no such time.
        ("2026-03-29 02:30", None),
        ("1/5 2026", None),
        ("2026-05-01 kl. 13", None),
        ("46143", None),
    ];
    for (text, wanted) in cases {
        assert_eq!(time(text), wanted.map(|time| time.parse().unwrap()), "{text}");
    }
}
