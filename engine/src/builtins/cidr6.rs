//! The network address of an IPv6 address.

use crate::value::Value;

use super::Arguments;
use super::cidr::network;

pub(super) fn cidr6<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    network(arguments.ip(0)?, 32, arguments.int(1)?)
}
