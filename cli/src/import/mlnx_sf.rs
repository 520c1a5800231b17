//! An `mlnx-sf.conf`, as a host file. The file is a shell script of calls of `mlnx-sf` (mlnx-tools, `tsbin/mlnx-sf`); what
//! else it does is told and left out.

use std::collections::BTreeMap;

use clap::Parser;
use subdevcfg_compiler::values::MacAddr;
use subdevcfg_reconciler::import::begin;
use subdevcfg_reconciler::import::writer::{Node, Writer};

/// The options of a call, as the script takes them. Python's argparse takes shortened names as well.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, infer_long_args = true, disable_help_flag = true)]
struct Call {
    #[arg(short, long)]
    action: String,
    #[arg(short, long)]
    device: String,
    #[arg(short = 'n', long)]
    sfnum: u32,
    #[arg(short = 'm', long)]
    hwaddr: Option<MacAddr>,
    #[arg(short = 't', long)]
    enable_trust: bool,
    #[arg(short, long)]
    enable_eswitch: bool,
    #[arg(short = 'r', long)]
    disable_roce: bool,
    #[arg(short, long)]
    cpu_list: Option<String>,
}

/// A line of the file.
enum Line {
    Call(Call),
    /// What is left out, and why.
    LeftOut(String),
    /// It does nothing.
    Nothing,
}

/// The host file of what the script makes, not yet in its form.
pub fn host_file(text: &str, host: &str) -> String {
    let mut devices: BTreeMap<String, Vec<Call>> = BTreeMap::new();
    let mut left_out = Vec::new();
    for (number, line) in text.lines().enumerate() {
        match read(line) {
            Line::Call(call) => devices.entry(call.device.clone()).or_default().push(call),
            Line::LeftOut(why) => left_out.push(format!("Line {} is left out: {why}", number + 1)),
            Line::Nothing => {}
        }
    }
    let mut out = Writer::default();
    begin(&mut out, host);
    for why in &left_out {
        out.comment(why);
    }
    for (device, calls) in &devices {
        out.blank();
        let node = Node::new("device").argument(format!("pci/{device}"));
        out.block(&node.property("driver", "mlx5_core".to_owned()), |out| {
            // Subfunctions are made in no other mode.
            out.node(&Node::new("eswitch").property("mode", "switchdev".to_owned()));
            for call in calls {
                write_call(call, out);
            }
        });
    }
    out.finish()
}

fn read(line: &str) -> Line {
    let words = match shlex::split(line) {
        Some(words) if words.is_empty() => return Line::Nothing,
        Some(words) => words,
        None => return Line::LeftOut("its quotes do not end".to_owned()),
    };
    let is_call = words.first().is_some_and(|word| word.rsplit('/').next() == Some("mlnx-sf"));
    if !is_call {
        return Line::LeftOut("it is no call of mlnx-sf".to_owned());
    }
    match Call::try_parse_from(&words[1..]) {
        Ok(call) if call.action == "create" => Line::Call(call),
        Ok(call) => Line::LeftOut(format!("the action is {}, not create", call.action)),
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().find(|line| !line.is_empty()).unwrap_or_default();
            Line::LeftOut(first.trim_start_matches("error: ").to_owned())
        }
    }
}

fn write_call(call: &Call, out: &mut Writer) {
    // As the script does it: the last character of the address (see its `pfnum`).
    let pf = call.device.chars().last().and_then(|digit| digit.to_digit(16)).filter(|&pf| pf != 0);
    out.block(&Node::new("subdevice").argument(format!("sf{}", call.sfnum)), |out| {
        out.node(&Node::new("sf").argument(call.sfnum).property_if("pf", pf));
        let roce = call.disable_roce.then_some(false);
        if call.hwaddr.is_some() || roce.is_some() {
            let mac = call.hwaddr.map(|mac| mac.to_string());
            out.node(&Node::new("function").property_if("mac", mac).property_if("roce", roce));
        }
        let others = [
            call.enable_trust.then(|| "trust".to_owned()),
            call.enable_eswitch.then(|| "eswitch".to_owned()),
            call.cpu_list.as_ref().map(|list| format!("cpu_affinity {list}")),
        ];
        out.list("only drivers of the vendor have", others.into_iter().flatten());
    });
}
