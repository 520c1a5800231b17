//! Identities that nobody wrote: pure and stable, so that every run and every machine derives the same.

use uuid::{Uuid, uuid};

/// The namespace of derived UUIDs: version 5 of the URL namespace and `subdevcfg:mdev`. It must never change: with another
/// one every mediated device without a `uuid=` would be deleted and made again.
const NAMESPACE: Uuid = uuid!("78b45597-091c-57fc-aacd-79dc6872115f");

/// The UUID of a mediated device without a `uuid=`: of the seed, the device as the file writes it, and the subdevice.
#[must_use]
pub fn mdev_uuid(seed: &str, device: &str, subdevice: &str) -> Uuid {
    // The length in front of each part keeps ("a", "bc") and ("ab", "c") apart, whatever the parts hold.
    let mut bytes = Vec::new();
    for part in [seed, device, subdevice] {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    Uuid::new_v5(&NAMESPACE, &bytes)
}

#[cfg(test)]
mod tests {
    use super::{NAMESPACE, mdev_uuid};
    use uuid::Uuid;

    #[test]
    fn the_namespace_is_what_its_comment_says() {
        assert_eq!(NAMESPACE, Uuid::new_v5(&Uuid::NAMESPACE_URL, b"subdevcfg:mdev"));
    }

    #[test]
    fn derived_uuids_never_change_and_keep_their_parts_apart() {
        let web0 = mdev_uuid("*", "subdev/nic0", "web0");
        assert_eq!(web0.to_string(), "74ba9da8-4fa9-5731-bbac-df62bf18c86f");
        assert_ne!(mdev_uuid("a", "bc", "d"), mdev_uuid("ab", "c", "d"));
        assert_ne!(mdev_uuid("host", "subdev/nic0", "web0"), web0);
    }
}
