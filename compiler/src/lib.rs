//! The compiler of subdevcfg host files: text in, a checked [`model::HostModel`], a [`graph::ResourceGraph`] and
//! diagnostics out. It is pure: no kernel, no network, no clock, and files only through a [`source::SourceLoader`].

pub mod address;
pub mod catalogue;
pub mod model;
pub mod source;
pub mod values;
