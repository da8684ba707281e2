use proptest::prelude::*;

use super::*;

fn file(path: &str, contents: &[u8]) -> BundleFile {
    BundleFile { path: path.to_owned(), contents: Secret::new(contents.to_vec()) }
}

#[test]
fn the_order_of_the_files_does_not_change_the_encoding() {
    let (a, b) = (file("a", b"1"), file("b", b"2"));
    let one = CredentialBundle::new(vec![a.clone(), b.clone()]).unwrap();
    let other = CredentialBundle::new(vec![b, a]).unwrap();
    assert_eq!(one.encode(0), other.encode(0));
}

#[test]
fn the_encoding_is_this_and_stays_this() {
    let bundle = CredentialBundle::new(vec![file("b", b"2"), file("a", b"")]).unwrap();
    assert_eq!(&**bundle.encode(0), b"\x01\0\0\0\x02\0\0\0\x01a\0\0\0\0\0\0\0\x01b\0\0\0\x012");
}

#[test]
fn encoding_never_grows_its_buffer() {
    let bundle = CredentialBundle::new(vec![file("a", &[7; 1000]), file("b", &[8; 10])]).unwrap();
    let encoded = bundle.encode(16);
    assert_eq!(encoded.capacity(), encoded.len() + 16);
}

#[test]
fn what_is_no_bundle_is_refused() {
    assert_eq!(CredentialBundle::new(vec![]), Err(InvalidBundle::Empty));
    assert_eq!(CredentialBundle::new(vec![file("a", b""), file("a", b"1")]), Err(InvalidBundle::Twice));
    let many: Vec<_> = (0..=limits::MAX_CREDENTIAL_FILES).map(|n| file(&n.to_string(), b"")).collect();
    assert_eq!(CredentialBundle::new(many), Err(InvalidBundle::TooManyFiles { count: 33 }));
    let large = vec![0; limits::MAX_CREDENTIAL_BYTES + 1];
    assert_eq!(CredentialBundle::new(vec![file("a", &large)]), Err(InvalidBundle::TooLarge { bytes: large.len() }));
}

#[test]
fn bytes_in_another_order_or_twice_are_no_encoding() {
    for bytes in [
        &b"\x01\0\0\0\x02\0\0\0\x01b\0\0\0\0\0\0\0\x01a\0\0\0\0"[..],
        b"\x01\0\0\0\x02\0\0\0\x01a\0\0\0\0\0\0\0\x01a\0\0\0\0",
        b"\x02\0\0\0\x01\0\0\0\x01a\0\0\0\0",
        b"\x01\xff\xff\xff\xff",
        b"\x01\0\0\0\x01\xff\xff\xff\xff",
        b"",
    ] {
        assert_eq!(CredentialBundle::decode(bytes), Err(InvalidBundle::NotEncoded));
    }
}

#[test]
fn debug_of_a_bundle_shows_no_byte_of_it() {
    let bundle = CredentialBundle::new(vec![file("a", b"hunter2")]).unwrap();
    let shown = format!("{bundle:?}");
    assert!(shown.contains("Secret(..)") && !shown.contains("104"), "{shown}");
}

proptest! {
    #[test]
    fn a_bundle_decodes_to_itself_and_to_nothing_when_cut_or_longer(
        files in prop::collection::btree_map("[a-z./]{0,12}", prop::collection::vec(any::<u8>(), 0..200), 1..8),
        cut in 1_usize..200,
    ) {
        let bundle = CredentialBundle::new(files.iter().map(|(path, bytes)| file(path, bytes)).collect()).unwrap();
        let encoded = bundle.encode(0);
        prop_assert_eq!(CredentialBundle::decode(&encoded), Ok(bundle));
        let shorter = &encoded[..encoded.len().saturating_sub(cut)];
        prop_assert!(CredentialBundle::decode(shorter).is_err());
        let longer = [encoded.as_slice(), &[0]].concat();
        prop_assert!(CredentialBundle::decode(&longer).is_err());
    }

    #[test]
    fn any_bytes_that_decode_encode_to_themselves(bytes in prop::collection::vec(0_u8..4, 0..64)) {
        if let Ok(bundle) = CredentialBundle::decode(&bytes) {
            let encoded = bundle.encode(0);
            prop_assert_eq!(encoded.as_slice(), bytes);
        }
    }
}
