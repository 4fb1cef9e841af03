use std::path::Path;
use std::process::Command;

/// An authority in a folder, made by the `openssl` command.
pub struct Authority<'d> {
    dir: &'d Path,
    name: &'static str,
}

impl<'d> Authority<'d> {
    pub fn create(dir: &'d Path, name: &'static str) -> Self {
        let authority = Self { dir, name };
        authority.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
             -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ));
        authority
    }

    /// A certificate for `subject`, in `<subject>.pem` with its key in `<subject>.key`.
    pub fn sign(&self, subject: &str, names: &str) {
        let authority = self.name;
        std::fs::write(self.dir.join("names"), format!("subjectAltName={names}\n")).unwrap();
        self.openssl(&format!(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
             -subj /CN={subject} -keyout {subject}.key -out {subject}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {subject}.csr -CA {authority}.pem -CAkey {authority}.key \
             -CAcreateserial -days 2 -extfile names -out {subject}.pem"
        ));
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace()).current_dir(self.dir);
        let output = command.output().unwrap_or_else(|error| {
            panic!("openssl: {error}; run ./test, which installs what the tests need")
        });
        assert!(
            output.status.success(),
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
