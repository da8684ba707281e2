use super::*;

fn provider(id: &str, version: &str) -> Provider {
    toml::from_str(&format!(
        r#"
        id = "{id}"
        name = "X"
        vendor = "Y"
        description = "Z"
        [install]
        npm = "@x/{id}"
        version = "{version}"
        commands = ["{id}", "{id}-helper"]
        [login]
        url_hosts = ["example.com"]
        timeout_seconds = 60
        [[login.methods]]
        kind = "desktop"
        command = ["{id}"]
        [credential]
        settle_ms = 1
        rotates = false
        files = []
        "#
    ))
    .unwrap()
}

/// A recipe whose script makes the tree from its pins, or fails when they name `broken`.
fn recipe(directory: &Path, providers: &[Provider]) -> Recipe {
    let script = "#!/bin/sh\necho progress 10 starting\ngrep -q broken \"$2\" && exit 3\nmkdir \"$1\" && cp \"$2\" \"$1/pins\"\n";
    fs::create_dir_all(directory.join("base/etc")).unwrap();
    fs::write(directory.join("build"), script).unwrap();
    fs::set_permissions(directory.join("build"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(directory.join("base/etc/x"), "x").unwrap();
    Recipe::read(directory, providers).unwrap()
}

#[test]
fn the_digest_changes_with_every_part_of_the_recipe_and_with_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let providers = [provider("b", "1.0.0"), provider("a", "2.0.0")];
    let before = recipe(path, &providers).digest();
    assert_eq!(before.len(), 64);
    let turned = [providers[1].clone(), providers[0].clone()];
    assert_eq!(Recipe::read(path, &turned).unwrap().digest(), before, "the providers' order is no part of it");
    let mut seen = vec![before.clone(), Recipe::read(path, &providers[..1]).unwrap().digest()];
    seen.push(Recipe::read(path, &[provider("b", "1.0.1"), providers[1].clone()]).unwrap().digest());
    fs::set_permissions(path.join("base/etc/x"), fs::Permissions::from_mode(0o755)).unwrap();
    seen.push(Recipe::read(path, &providers).unwrap().digest());
    fs::write(path.join("base/etc/x"), "y").unwrap();
    seen.push(Recipe::read(path, &providers).unwrap().digest());
    fs::rename(path.join("base/etc/x"), path.join("base/etc/y")).unwrap();
    seen.push(Recipe::read(path, &providers).unwrap().digest());
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "two recipes have one digest");
}

#[test]
fn the_pins_are_one_line_for_each_provider_in_order() {
    let text = pins(&[provider("b", "1.0.0"), provider("a", "2.0.0")]);
    assert_eq!(text, "a npm @x/a 2.0.0 a,a-helper\nb npm @x/b 1.0.0 b,b-helper\n");
}

#[test]
fn an_image_is_made_once_and_found_by_its_digest() {
    let (directory, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let recipe = recipe(directory.path(), &[provider("a", "2.0.0")]);
    let tree = recipe.build(cache.path()).unwrap();
    assert_eq!(tree, recipe.tree(cache.path()));
    assert_eq!(fs::read_to_string(tree.join("pins")).unwrap(), "a npm @x/a 2.0.0 a,a-helper\n");
    // The script would fail on a tree that exists.
    assert_eq!(recipe.build(cache.path()).unwrap(), tree);
}

#[test]
fn a_failed_script_is_told_with_its_log() {
    let (directory, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let recipe = recipe(directory.path(), &[provider("broken", "1.0.0")]);
    let error = recipe.build(cache.path()).unwrap_err().to_string();
    assert!(error.contains("exit status: 3") && error.contains(".log"), "{error}");
    assert!(!recipe.tree(cache.path()).exists());
}

#[test]
fn progress_lines_are_read_and_others_are_passed_over() {
    assert_eq!(progress("progress 32 installing desktop and browser"), Some((32, "installing desktop and browser")));
    assert_eq!(progress("progress 101 x"), Some((100, "x")));
    for other in ["", "progress", "progress x y", "I: success"] {
        assert_eq!(progress(other), None, "{other}");
    }
}
