//! Races by hand, one script each, and the ways in which two logs may part.

use yak_test_sim::stage;

#[test]
fn every_script_plays_as_written() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut scripts: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.sort();
    assert!(scripts.len() >= 15, "{} scripts", scripts.len());
    let mut failed = Vec::new();
    for path in scripts {
        let script = std::fs::read_to_string(&path).unwrap();
        if let Err(problem) = stage::play(&script) {
            failed.push(format!("{problem}\n{}", path.display()));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_script_that_is_wrong_says_where() {
    let problem = stage::play("topic sync 3 2\nname L leader\nuntil leader M").unwrap_err();
    assert!(problem.contains("line 3: until leader M: nobody is called M"), "{problem}");
}
