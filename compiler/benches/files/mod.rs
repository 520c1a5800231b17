//! The files that are measured.

use std::fmt::Write as _;
use std::io;

use camino::Utf8Path;
use subdevcfg_compiler::source::SourceLoader;

/// One file in memory.
#[derive(Debug)]
pub struct Text<'a>(pub &'a str);

impl SourceLoader for Text<'_> {
    fn load(&self, _: &Utf8Path) -> io::Result<String> {
        Ok(self.0.to_owned())
    }
}

const HEAD: &str =
    "subdevcfg version=1\nhost node-17\ndevice \"subdev/nic0\" {\n    eswitch mode=switchdev\n";

/// A host with that many subdevices, each written out.
pub fn literal(count: u32) -> String {
    let mut text = HEAD.to_owned();
    for number in 0..count {
        let (high, low) = (number >> 8, number & 0xff);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "    subdevice t{number} {{\n        sf {number}\n        function mac=\"02:00:00:00:{high:02x}:{low:02x}\"\n        \
             netdev t{number} mtu=9000 up=#true\n        representor r{number} up=#true\n    }}\n"
        );
    }
    text + "}\n"
}

/// The same host by `repeat`.
pub fn repeated(count: u32) -> String {
    format!(
        "{HEAD}    repeat {count} as=i {{\n        subdevice \"t${{i}}\" {{\n            sf $i\n            \
         function mac=\"02:00:00:00:00:00+${{i}}\"\n            netdev \"t${{i}}\" mtu=9000 up=#true\n            \
         representor \"r${{i}}\" up=#true\n        }}\n    }}\n}}\n"
    )
}
