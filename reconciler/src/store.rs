//! The record on disk, and the lock that lets one subdevcfg change the host at a time. Both live in one folder, whose
//! place is the caller's business.
