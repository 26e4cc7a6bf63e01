//! Messages for tests, written as operators write them.

use portway_proto::{
    index,
    loader::{self, Limits, Options, Source},
};
use prost::{Message, Name};

/// Reads a message; the text must be right.
pub fn message<M: Message + Name + Default>(text: &str) -> M {
    let (message, diagnostics) = any_message(text);
    assert_eq!(diagnostics, Vec::<String>::new(), "{text}");
    message
}

/// Reads a message that may break Envoy's validation rules, and what the loader has to say of it.
pub fn any_message<M: Message + Name + Default>(text: &str) -> (M, Vec<String>) {
    let source = Source {
        name: "test.yaml",
        bytes: text.as_bytes(),
    };
    let documents = loader::documents(source, &Limits::default()).unwrap();
    let kind = index::message(&M::full_name()).unwrap();
    let loaded = loader::load(documents[0].root(), kind, &Options::default());
    let message = M::decode(loaded.wire.as_slice()).unwrap();
    let errors = loaded.diagnostics.iter().filter(|said| said.is_error());
    (message, errors.map(|error| format!("{error:?}")).collect())
}
