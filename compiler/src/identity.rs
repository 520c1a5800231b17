//! Identities that nobody wrote: pure and stable, so that every run and every machine derives the same.

use uuid::{Uuid, uuid};

use crate::values::MacAddr;

/// The namespace of derived UUIDs: version 5 of the URL namespace and `subdevcfg:mdev`. It must never change: with another
/// one every mediated device without a `uuid=` would be deleted and made again.
const NAMESPACE: Uuid = uuid!("78b45597-091c-57fc-aacd-79dc6872115f");

/// The namespace of derived subfunction numbers: version 5 of the URL namespace and `subdevcfg:sf-number`. It must never
/// change, as little as the other two.
const SF_NUMBERS: Uuid = uuid!("6acdd4a3-7a4e-58c0-8f0c-da8786af205c");

/// The namespace of derived MAC addresses: version 5 of the URL namespace and `subdevcfg:mac`.
const MACS: Uuid = uuid!("8c08ca2a-2e06-541b-9039-90fd5787af9b");

/// The UUID of a mediated device without a `uuid=`: of the seed, the device as the file writes it, and the subdevice.
#[must_use]
pub fn mdev_uuid(seed: &str, device: &str, subdevice: &str) -> Uuid {
    derived(&NAMESPACE, &[seed, device, subdevice])
}

/// The number of a subfunction without one, of the device as the file writes it and the subdevice: one of those from
/// `from` to `to`. Two subdevices can get the same.
#[must_use]
pub fn sf_number(device: &str, subdevice: &str, from: u32, to: u32) -> u32 {
    let count = u64::from(to.saturating_sub(from)) + 1;
    let place = leading_48_bits(derived(&SF_NUMBERS, &[device, subdevice])) % count;
    from + u32::try_from(place).unwrap_or_default()
}

/// The address that `mac=auto` stands for, of the seed, the device as the file writes it, and the subdevice: a unicast
/// address, administered locally (IEEE 802: the second lowest bit of the first octet set, the lowest clear).
#[must_use]
pub fn auto_mac(seed: &str, device: &str, subdevice: &str) -> MacAddr {
    let [_, _, octets @ ..] = leading_48_bits(derived(&MACS, &[seed, device, subdevice])).to_be_bytes();
    let mut mac = MacAddr(octets);
    mac.0[0] = mac.0[0] & 0b1111_1100 | 0b10;
    mac
}

/// A version 5 UUID (SHA-1) of texts. The length in front of each part keeps ("a", "bc") and ("ab", "c") apart, whatever
/// the parts hold.
fn derived(namespace: &Uuid, parts: &[&str]) -> Uuid {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    Uuid::new_v5(namespace, &bytes)
}

/// The part of the hash before the first bits that a version 5 UUID fixes.
fn leading_48_bits(uuid: Uuid) -> u64 {
    uuid.as_u64_pair().0 >> 16
}

#[cfg(test)]
mod tests {
    use super::{MACS, NAMESPACE, SF_NUMBERS, auto_mac, mdev_uuid, sf_number};
    use uuid::Uuid;

    #[test]
    fn the_namespaces_are_what_their_comments_say() {
        assert_eq!(NAMESPACE, Uuid::new_v5(&Uuid::NAMESPACE_URL, b"subdevcfg:mdev"));
        assert_eq!(SF_NUMBERS, Uuid::new_v5(&Uuid::NAMESPACE_URL, b"subdevcfg:sf-number"));
        assert_eq!(MACS, Uuid::new_v5(&Uuid::NAMESPACE_URL, b"subdevcfg:mac"));
    }

    #[test]
    fn derived_numbers_and_addresses_never_change() {
        assert_eq!(sf_number("subdev/nic0", "web0", 100, 199), 153);
        assert_eq!(sf_number("subdev/nic0", "web0", 7, 7), 7);
        assert!(sf_number("a", "b", 0, u32::MAX) > 0);
        assert_eq!(auto_mac("node-17", "subdev/nic0", "web0").to_string(), "3a:f7:b3:7d:ac:d9");
    }

    #[test]
    fn derived_uuids_never_change_and_keep_their_parts_apart() {
        let web0 = mdev_uuid("*", "subdev/nic0", "web0");
        assert_eq!(web0.to_string(), "74ba9da8-4fa9-5731-bbac-df62bf18c86f");
        assert_ne!(mdev_uuid("a", "bc", "d"), mdev_uuid("ab", "c", "d"));
        assert_ne!(mdev_uuid("host", "subdev/nic0", "web0"), web0);
    }
}
