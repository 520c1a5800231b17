//! Host files from what other tools keep.

pub mod mdevctl;
pub mod mlnx_sf;
