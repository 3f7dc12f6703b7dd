//! Nothing: a package of its own, because no other package in a build adds features to the core then.
#![no_std]
