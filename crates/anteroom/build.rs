//! The page and the providers are put into the program: when a file of theirs comes or goes, it is built anew.

fn main() {
    for path in ["../../web/dist", "../../providers"] {
        println!("cargo:rerun-if-changed={path}");
    }
}
