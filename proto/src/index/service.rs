//! Services and their methods: what a transcoder or a reflection service needs to know of an RPC.

use super::Message;
use super::layout::*;
use super::table::{self, name, name_eq};

/// The service of this full name, such as `portway.v1.Management`.
pub fn service(full_name: &str) -> Option<Service> {
    table::search::<SERVICE_WORDS>(table::SERVICES, full_name).map(Service)
}

/// Every service, sorted by full name.
pub fn services() -> impl ExactSizeIterator<Item = Service> {
    (0..table::SERVICES.rows()).map(Service)
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Service(u16);

impl Service {
    pub fn full_name(self) -> &'static str {
        name(self.word(0))
    }

    /// In the order of declaration.
    pub fn methods(self) -> impl ExactSizeIterator<Item = Method> {
        table::rows(self.word(1), self.word(2) as u16).map(Method)
    }

    pub fn method(self, wanted: &str) -> Option<Method> {
        self.methods()
            .find(|method| name_eq(method.word(0), wanted))
    }

    fn word(self, column: usize) -> u32 {
        table::SERVICES.word::<SERVICE_WORDS>(u32::from(self.0), column)
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Service({})", self.full_name())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method(u32);

impl Method {
    pub fn name(self) -> &'static str {
        name(self.word(0))
    }

    pub fn input(self) -> Message {
        Message(self.word(1) as u16)
    }

    pub fn output(self) -> Message {
        Message((self.word(1) >> 16) as u16)
    }

    pub fn client_streaming(self) -> bool {
        self.word(2) & METHOD_CLIENT_STREAMING != 0
    }

    pub fn server_streaming(self) -> bool {
        self.word(2) & METHOD_SERVER_STREAMING != 0
    }

    /// The encoded `google.api.HttpRule` of the method, if it has one.
    pub fn http_rule(self) -> Option<&'static [u8]> {
        table::blob((self.word(2) >> 16) as u16)
    }

    fn word(self, column: usize) -> u32 {
        table::METHODS.word::<METHOD_WORDS>(self.0, column)
    }
}

impl std::fmt::Debug for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Method({})", self.name())
    }
}
