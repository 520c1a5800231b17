//! The lab: a real kernel for every test. See README.md of this folder.
