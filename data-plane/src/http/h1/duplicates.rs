//! Fields that come more than once: which become one, which may not, and how many may come at all.
//!
//! Envoy keeps some headers as one field each and joins what comes again by commas. What reads them later,
//! upstream or in a filter, sees that; so loose reading joins the same ones. Strict reading joins nothing.

use portway_shared::format::Message;

use super::{
    Options,
    errors::Fault,
    fields::{RawField, part, without_line_breaks},
};
use crate::http::{folding::folds, headers::Headers, name::Known};

/// Gathers fields into [`Headers`] and remembers which known ones came more than once.
#[derive(Default)]
pub(super) struct Gathered {
    repeated: u128,
}

impl Gathered {
    #[inline(always)]
    pub(super) fn add(&mut self, headers: &mut Headers, field: RawField) -> Result<(), Fault> {
        let known = field.known;
        let again = if field.dirty {
            // Envoy takes `chu<CR>nked` for no body, then the body for a request. Nobody else means that.
            if matches!(known, Some(Known::ContentLength | Known::TransferEncoding)) {
                return Err(Fault::Syntax);
            }
            let again = known.is_some_and(|known| headers.contains_known(known));
            let name = part(headers, &field.name).to_vec();
            let value = without_line_breaks(part(headers, &field.value));
            headers.append(&name, &value);
            again
        } else {
            headers.append_loaded(field.name, field.value, known, field.plain)
        };
        if again {
            self.repeat(known);
        }
        Ok(())
    }

    /// Out of the way: inlined, its wide shift would be computed for every field.
    #[cold]
    fn repeat(&mut self, known: Option<Known>) {
        if let Some(known) = known {
            self.repeated |= 1 << (known as u8);
        }
    }

    pub(super) fn is_repeated(&self, known: Known) -> bool {
        self.repeated & (1 << (known as u8)) != 0
    }

    /// Makes one field of those duplicates that Envoy makes one field of.
    pub(super) fn join(&self, headers: &mut Headers, message: Message) {
        let mut left = self.repeated;
        while left != 0 {
            let bit = left.trailing_zeros();
            left &= left - 1;
            let field = headers
                .iter()
                .find_map(|field| field.known.filter(|known| *known as u32 == bit));
            if let Some(known) = field.filter(|known| folds(message, *known)) {
                headers.join_known(known);
            }
        }
    }
}

/// How many raw fields are read before the count is given up on. Joined duplicates count once, so that a head
/// may hold more lines than fields; the factor bounds what it can make us remember.
pub(super) fn most_raw_fields(options: &Options) -> usize {
    if options.strict {
        options.max_headers
    } else {
        options.max_headers.saturating_mul(8)
    }
}
