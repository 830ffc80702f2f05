//! Where `scripts/interop-setup.sh` has put the foreign programs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is pinned and configured by hand: beside this crate.
pub(crate) const ORACLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/oracle");

/// The directory of everything that was fetched.
#[derive(Clone, Debug)]
pub struct Setup(PathBuf);

impl Setup {
    /// Named by the environment, or below the build directory. `None` skips the test; it says so, and fails if nothing
    /// may be skipped.
    #[must_use]
    pub fn find() -> Option<Self> {
        let named = env::var_os("YAK_INTEROP").map(PathBuf::from);
        let found = named.or_else(below_the_build).filter(|path| path.join("python").exists());
        if found.is_none() {
            let reason = "what other implementations need is missing: run scripts/interop-setup.sh";
            let required = env::var_os("YAK_REQUIRE_ALL").is_some_and(|value| value == "1");
            assert!(!required, "{reason}");
            eprintln!("SKIPPED: {reason}");
        }
        found.map(Self)
    }

    /// A path below it.
    #[must_use]
    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.0.join(below)
    }

    /// Where the tests write what each client could do: below the build directory. What was found of another broker than
    /// ours is kept apart.
    #[must_use]
    pub fn results() -> PathBuf {
        let others =
            ["YAK_INTEROP_BOOTSTRAP", "YAK_INTEROP_PEER"].iter().any(|name| env::var_os(name).is_some());
        let name = if others { "results-of-others" } else { "results" };
        below_the_build().expect("tests run below the build directory").join(name)
    }

    /// Python, with the clients and codecs.
    #[must_use]
    pub fn python(&self) -> Command {
        Command::new(self.path("python/bin/python"))
    }

    /// Java with the jars in `kafka` or `kafka-3.9` and our program for them, quick to start and small.
    #[must_use]
    pub fn java(&self, kafka: &str) -> Command {
        let jars = self.path(kafka).join("lib/*");
        let classes = self.path(kafka).join("classes");
        let mut java = Command::new("java");
        java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx400m", "-Dfile.encoding=UTF-8"])
            .args(["-Dsun.stdout.encoding=UTF-8", "-Dstdout.encoding=UTF-8"])
            .arg(format!("-Dlog4j2.configurationFile={ORACLE}/log4j2.xml"))
            .arg(format!("-Dlog4j.configuration=file:{ORACLE}/log4j.properties"))
            .arg("-cp")
            .arg(format!("{}:{}", jars.display(), classes.display()));
        java
    }
}

fn below_the_build() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    // <target>/<profile>/deps/<program>, or <target>/<profile>/examples/<program>.
    Some(program.ancestors().nth(3)?.join("interop"))
}
