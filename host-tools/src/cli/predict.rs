use super::given::TRAININGS;
use super::train::Reach;
use super::{Common, Computing, Given};
use crate::device::Target;
use crate::{Result, command};
use clap::Args;
use std::path::PathBuf;

/// Options of `predict`.
#[derive(Debug, Args)]
#[command(after_help = "\
A node of layer I, counted from 0, is called I.conv, I.relu and so on, as its tensors are I.weight and I.bias; the input is called input.

Example: shatterscope predict --checkpoint run --at 3.conv --out values.npz")]
pub struct Predict {
    /// Folder with the checkpoint that `train --out` wrote
    #[arg(long, value_name = "DIR")]
    pub checkpoint: PathBuf,
    /// Folder with the data it was trained on [default: digits 8x8, built in]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Examples in one forward pass [default: 256; 1 on a device]
    #[arg(long, value_name = "EXAMPLES", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub batch: Option<u32>,
    /// Compute the values of this node instead of the outputs, and no node after it; a name that does not exist lists all
    #[arg(long, value_name = "NODE")]
    pub at: Option<String>,
    /// Write the outputs, or with --at the values of the node, as the array `values` [example, unit] or [example, channel, row, column]
    #[arg(long, value_name = "FILE.npz")]
    pub out: Option<PathBuf>,
    /// Also run the network on this device and compare the outputs: `qemu:NAME`, `serial:PORT[@BAUD]`, `probe:NAME`, `wasm` or
    /// `pipe:COMMAND`
    #[arg(long, default_value = "host")]
    pub target: String,
    /// How to compute
    #[command(flatten)]
    pub computing: Computing,
    /// How to reach the device
    #[command(flatten)]
    pub reach: Reach,
}

impl Predict {
    pub(super) fn run(&self, given: &Given, common: &Common) -> Result<()> {
        let target = Target::parse(&self.target)?;
        given.check_devices(std::slice::from_ref(&target), &TRAININGS)?;
        command::predict::run(self, &target, &self.computing.engine(common)?, common)
    }
}
