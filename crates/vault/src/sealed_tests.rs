use proptest::prelude::*;

use super::*;
use crate::bundle::BundleFile;

fn key(byte: u8) -> Key {
    Key::from_random(Secret::new([byte; KEY_BYTES]))
}

fn random(byte: u8) -> Secret<[u8; SEAL_RANDOM_BYTES]> {
    Secret::new(std::array::from_fn(|place| byte.wrapping_add(place as u8)))
}

fn binding() -> Binding {
    Binding {
        owner: UserId::from_random([1; 16]),
        provider: "codex".parse().unwrap(),
        credential: CredentialId::from_random([2; 16]),
        version: 1,
    }
}

fn bundle(contents: &[u8]) -> CredentialBundle {
    CredentialBundle::new(vec![BundleFile { path: "auth.json".into(), contents: Secret::new(contents.to_vec()) }])
        .unwrap()
}

fn sealed() -> SealedCredential {
    seal(&bundle(b"{}"), &binding(), &KeyRing::new(key(1)), &random(9))
}

/// The bindings that differ from [`binding`] in one field, each with the error that names it.
fn other_bindings() -> Vec<(Binding, OpenError)> {
    let credential = CredentialId::from_random([3; 16]);
    vec![
        (Binding { owner: UserId::from_random([4; 16]), ..binding() }, OpenError::OtherOwner),
        (Binding { provider: "wrangler".parse().unwrap(), ..binding() }, OpenError::OtherProvider),
        (Binding { credential: credential.clone(), ..binding() }, OpenError::OtherCredential { expected: credential }),
        (Binding { version: 2, ..binding() }, OpenError::OtherVersion { found: 1, expected: 2 }),
    ]
}

#[test]
fn opening_under_another_binding_names_what_differs() {
    for (other, expected) in other_bindings() {
        assert_eq!(sealed().open(&other, &KeyRing::new(key(1))), Err(expected));
    }
}

#[test]
fn a_binding_that_was_rewritten_in_the_database_does_not_open() {
    for (other, _) in other_bindings() {
        let mut forged = sealed();
        forged.binding = other.clone();
        let expected = OpenError::WrappedKey { key_id: key(1).id().clone() };
        assert_eq!(forged.open(&other, &KeyRing::new(key(1))), Err(expected));
    }
}

#[test]
fn parts_of_two_sealings_do_not_mix() {
    let ring = KeyRing::new(key(1));
    let second = Binding { version: 2, ..binding() };
    let newer = seal(&bundle(b"{}"), &second, &ring, &random(77));
    let older = sealed();
    let old_body = SealedCredential { body: older.body.clone(), ..newer.clone() };
    assert_eq!(old_body.open(&second, &ring), Err(OpenError::Body));
    let old_key = SealedCredential { wrapped_key: older.wrapped_key.clone(), ..newer.clone() };
    assert_eq!(old_key.open(&second, &ring), Err(OpenError::WrappedKey { key_id: key(1).id().clone() }));
    // The body is bound by itself too: one data key for both would not let them mix.
    let reused = seal(&bundle(b"{}"), &second, &ring, &random(9));
    let old_body = SealedCredential { body: older.body, ..reused };
    assert_eq!(old_body.open(&second, &ring), Err(OpenError::Body));
}

#[test]
fn a_missing_and_a_wrong_key_are_told_apart() {
    let id = key(1).id().clone();
    let missing = KeyRing::new(key(2));
    assert_eq!(sealed().open(&binding(), &missing), Err(OpenError::UnknownKey { key_id: id.clone() }));
    let wrong = KeyRing::parse(&format!("{id}:{}", STANDARD.encode([2; KEY_BYTES]))).unwrap();
    assert_eq!(sealed().open(&binding(), &wrong), Err(OpenError::WrappedKey { key_id: id }));
}

#[test]
fn one_key_under_two_ids_opens_only_under_the_id_that_wrapped() {
    let encoded = STANDARD.encode([5; KEY_BYTES]);
    let ring = KeyRing::parse(&format!("a:{encoded}\nb:{encoded}")).unwrap();
    let mut sealed = seal(&bundle(b"{}"), &binding(), &ring, &random(9));
    assert!(sealed.open(&binding(), &ring).is_ok());
    sealed.key_id = "a".parse().unwrap();
    assert_eq!(sealed.open(&binding(), &ring), Err(OpenError::WrappedKey { key_id: "a".parse().unwrap() }));
}

#[test]
fn another_format_is_named_and_not_guessed() {
    let mut sealed = sealed();
    sealed.format = 2;
    assert_eq!(sealed.open(&binding(), &KeyRing::new(key(1))), Err(OpenError::Format { found: 2 }));
}

#[test]
fn rotation_keeps_the_body_and_afterwards_needs_no_old_key() {
    let old = KeyRing::new(key(1));
    let both = old.clone().with_current(key(2)).unwrap();
    let before = seal(&bundle(b"kept"), &binding(), &old, &random(9));
    let after = before.rewrap(&both, &[3; NONCE_BYTES]).unwrap().unwrap();
    assert_eq!(after.body, before.body);
    assert_eq!(after.key_id(), key(2).id());
    let only_new = both.clone().without(key(1).id()).unwrap();
    assert_eq!(after.open(&binding(), &only_new), Ok(bundle(b"kept")));
    assert_eq!(after.rewrap(&both, &[4; NONCE_BYTES]), Ok(None));
    let unknown = OpenError::UnknownKey { key_id: key(1).id().clone() };
    assert_eq!(before.rewrap(&only_new, &[3; NONCE_BYTES]), Err(unknown));
}

#[test]
fn every_sealing_has_a_data_key_of_its_own() {
    let ring = KeyRing::new(key(1));
    let one = seal(&bundle(b"{}"), &binding(), &ring, &random(1));
    let other = seal(&bundle(b"{}"), &binding(), &ring, &random(2));
    assert_ne!(one.wrapped_key, other.wrapped_key);
    assert_ne!(one.body, other.body);
}

#[test]
fn neither_json_nor_debug_of_a_sealed_credential_holds_plaintext() {
    let plain = b"s3cr3t-t0ken-of-some-length";
    let sealed = seal(&bundle(plain), &binding(), &KeyRing::new(key(1)), &random(9));
    let stored = serde_json::to_string(&sealed).unwrap();
    let shown = format!("{sealed:?}");
    for text in [&stored, &shown] {
        assert!(!text.contains("s3cr3t") && !text.contains(&STANDARD.encode(plain)[..12]), "{text}");
    }
    assert!(!sealed.body.0.windows(6).any(|window| window == b"s3cr3t"));
}

#[test]
fn associated_data_of_two_bindings_is_never_the_same() {
    let mut seen: Vec<_> = other_bindings().iter().map(|(other, _)| body_context(other)).collect();
    seen.extend([body_context(&binding()), key_context(&binding(), key(1).id()), key_context(&binding(), key(2).id())]);
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
    // Bytes that move over a border between fields change the lengths before them.
    assert_ne!(context(b"ab", &binding(), b"c"), context(b"a", &binding(), b"bc"));
}

#[test]
fn the_published_test_vector_comes_out() {
    // draft-irtf-cfrg-xchacha-03, A.3.1: that the cipher is the one we name, with nonce and tag where we put them.
    let plain = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen \
                 would be it.";
    let key: [u8; KEY_BYTES] = std::array::from_fn(|place| 0x80 + place as u8);
    let nonce: [u8; NONCE_BYTES] = std::array::from_fn(|place| 0x40 + place as u8);
    let context = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
    let sealed = Ciphertext::of(Zeroizing::new(plain.as_bytes().to_vec()), &key, &nonce, &context);
    assert_eq!(sealed.0[..NONCE_BYTES], nonce);
    assert_eq!(sealed.0[NONCE_BYTES..][..8], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
    let tag = [0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79, 0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a, 0xcf, 0x49];
    assert_eq!(sealed.0[sealed.0.len() - TAG_BYTES..], tag);
    assert_eq!(sealed.open(&key, &context).unwrap().as_slice(), plain.as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_was_sealed_opens_also_after_the_database_and_a_rotation(
        contents in prop::collection::vec(any::<u8>(), 0..2000), byte in any::<u8>(),
    ) {
        let ring = KeyRing::new(key(1));
        let sealed = seal(&bundle(&contents), &binding(), &ring, &random(byte));
        let stored: SealedCredential = serde_json::from_slice(&serde_json::to_vec(&sealed).unwrap()).unwrap();
        prop_assert_eq!(stored.open(&binding(), &ring).unwrap(), bundle(&contents));
        let rotated = ring.with_current(key(2)).unwrap();
        let rewrapped = stored.rewrap(&rotated, &[byte; NONCE_BYTES]).unwrap().unwrap();
        prop_assert_eq!(rewrapped.open(&binding(), &rotated).unwrap(), bundle(&contents));
    }

    #[test]
    fn a_flipped_bit_anywhere_in_the_stored_text_never_opens(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut stored = serde_json::to_vec(&sealed()).unwrap();
        let place = place.index(stored.len());
        stored[place] ^= 1_u8 << bit;
        let opened = serde_json::from_slice::<SealedCredential>(&stored)
            .ok()
            .and_then(|sealed| sealed.open(&binding(), &KeyRing::new(key(1))).ok());
        prop_assert_eq!(opened, None);
    }

    #[test]
    fn a_flipped_bit_anywhere_in_the_ciphertexts_never_opens(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut sealed = sealed();
        let key_length = sealed.wrapped_key.0.len();
        let place = place.index(key_length + sealed.body.0.len());
        match place.checked_sub(key_length) {
            None => sealed.wrapped_key.0[place] ^= 1_u8 << bit,
            Some(place) => sealed.body.0[place] ^= 1_u8 << bit,
        }
        prop_assert!(sealed.open(&binding(), &KeyRing::new(key(1))).is_err());
    }

    #[test]
    fn a_credential_that_is_swapped_between_owners_never_opens(
        first in any::<[u8; 16]>(), second in any::<[u8; 16]>(), rewritten in any::<bool>(),
    ) {
        prop_assume!(first != second);
        let of = |owner| Binding { owner: UserId::from_random(owner), ..binding() };
        let ring = KeyRing::new(key(1));
        let mut sealed = seal(&bundle(b"{}"), &of(first), &ring, &random(9));
        if rewritten {
            sealed.binding = of(second);
        }
        prop_assert!(sealed.open(&of(second), &ring).is_err());
    }
}
