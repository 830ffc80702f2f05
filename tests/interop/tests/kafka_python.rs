//! kafka-python's record reader sees exactly what was written, and reports damage.

use tempfile::tempdir;
use yak_test_interop::{Damaged, Python, PythonLine, write_logs};

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn kafka_python_reads_every_record() {
    let Some(python) = Python::find() else { return };
    let root = tempdir().unwrap();
    for partition in write_logs(root.path()) {
        let segments = partition.files("log");
        assert!(segments.len() > 2, "{} has {} segments", partition.name(), segments.len());
        let lines = python.read(&segments);
        assert_eq!(lines.len(), partition.records.len(), "{}: {:?}", partition.name(), lines.last());
        for (line, record) in lines.into_iter().zip(&partition.records) {
            assert_eq!(line, PythonLine::Record(Box::new(record.clone())), "{}", partition.name());
        }
    }
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn kafka_python_reports_damage() {
    let Some(python) = Python::find() else { return };
    let root = tempdir().unwrap();
    for partition in write_logs(root.path()) {
        let segment = &partition.files("log")[1];
        let copy = Damaged::copy_of(&partition);
        let flipped = copy.change(segment, |bytes| *bytes.last_mut().unwrap() ^= 1);
        assert_problem(&python.read(&[flipped]), "checksum is wrong", &partition.name());
        let torn = copy.change(segment, |bytes| bytes.truncate(bytes.len() - 1));
        assert_problem(&python.read(&[torn]), "bytes at the end are no batch", &partition.name());
    }
}

fn assert_problem(lines: &[PythonLine], expected: &str, name: &str) {
    let problem = match lines.last() {
        Some(PythonLine::Problem(problem)) => problem.as_str(),
        _ => "no problem",
    };
    assert!(problem.contains(expected), "{name}: {problem}");
}
