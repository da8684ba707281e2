//! Cargo does not see that the migrations are read by a macro; a new file must rebuild this crate.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
