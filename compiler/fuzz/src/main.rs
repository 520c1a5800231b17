//! The fuzzer; `compiler/fuzz/run` builds and runs it.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| subdevcfg_fuzz::holds(text));
