//! Runs of encoded resources glued into shared pieces of at least 64 KiB.
//!
//! A connection writes few large pieces far more cheaply than many small ones, and a stalled stream that holds
//! a shared piece holds nothing of its own. A list of resources that many streams send (everything of a type,
//! or everything that changed between two revisions) is glued once per protocol variant, on first use; a
//! stream that sends only part of such a list takes the pieces that fit and copies the rest.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};

use super::Variant;
use super::resource::Resource;

/// The least size of a shared piece, but for the last.
const PIECE: usize = 64 * 1024;

/// A list of resources in the order of their names, and its shared pieces.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    items: Arc<[Arc<Resource>]>,
    sotw: OnceLock<Box<[Piece]>>,
    delta: OnceLock<Box<[Piece]>>,
}

#[derive(Debug)]
struct Piece {
    /// The items it holds.
    range: Range<usize>,
    bytes: Bytes,
}

impl Segments {
    pub(crate) fn new(items: Arc<[Arc<Resource>]>) -> Self {
        Self {
            items,
            sotw: OnceLock::new(),
            delta: OnceLock::new(),
        }
    }

    pub(crate) fn items(&self) -> &Arc<[Arc<Resource>]> {
        &self.items
    }

    fn pieces(&self, variant: Variant) -> &[Piece] {
        let cell = match variant {
            Variant::Sotw => &self.sotw,
            Variant::Delta => &self.delta,
        };
        cell.get_or_init(|| glue(&self.items, variant))
    }

    /// The `resources` fields of a selection, which is in the order of names.
    pub(crate) fn fields(&self, selection: &[Arc<Resource>], variant: Variant) -> Vec<Bytes> {
        let mut out = Vec::new();
        let mut own = BytesMut::new();
        let mut rest = selection;
        for piece in self.pieces(variant) {
            let Some(run) = self.items.get(piece.range.clone()) else {
                continue;
            };
            let Some(first) = run.first() else { continue };
            let before = rest.partition_point(|r| r.name() < first.name());
            let (single, from_here) = rest.split_at(before);
            copy(single, variant, &mut own, &mut out);
            rest = from_here;
            let whole = rest
                .get(..run.len())
                .is_some_and(|head| head.iter().zip(run).all(|(a, b)| Arc::ptr_eq(a, b)));
            if whole {
                flush(&mut own, &mut out);
                out.push(piece.bytes.clone());
                rest = rest.get(run.len()..).unwrap_or_default();
            }
        }
        copy(rest, variant, &mut own, &mut out);
        flush(&mut own, &mut out);
        out
    }
}

fn glue(items: &[Arc<Resource>], variant: Variant) -> Box<[Piece]> {
    let mut pieces = Vec::new();
    let mut own = BytesMut::new();
    let mut start = 0;
    for (at, resource) in items.iter().enumerate() {
        let field = resource.field(variant);
        let next = at.saturating_add(1);
        if field.len() >= PIECE {
            // Large enough to travel as it is.
            if start < at {
                pieces.push(Piece {
                    range: start..at,
                    bytes: own.split().freeze(),
                });
            }
            pieces.push(Piece {
                range: at..next,
                bytes: field,
            });
            start = next;
            continue;
        }
        own.extend_from_slice(&field);
        if own.len() >= PIECE {
            pieces.push(Piece {
                range: start..next,
                bytes: own.split().freeze(),
            });
            start = next;
        }
    }
    if start < items.len() {
        pieces.push(Piece {
            range: start..items.len(),
            bytes: own.freeze(),
        });
    }
    pieces.into_boxed_slice()
}

fn copy(resources: &[Arc<Resource>], variant: Variant, own: &mut BytesMut, out: &mut Vec<Bytes>) {
    for resource in resources {
        let field = resource.field(variant);
        if field.len() >= PIECE {
            flush(own, out);
            out.push(field);
        } else {
            own.extend_from_slice(&field);
        }
    }
}

fn flush(own: &mut BytesMut, out: &mut Vec<Bytes>) {
    if !own.is_empty() {
        out.push(own.split().freeze());
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::Kind;
    use super::super::resource::ResourceKey;
    use super::*;

    fn items(sizes: &[usize]) -> Arc<[Arc<Resource>]> {
        let make = |(at, size): (usize, &usize)| {
            let key = ResourceKey::new(Kind::Cluster, format!("{at:06}"));
            let message = vec![at as u8; *size];
            Arc::new(Resource::new(key, &message, [], Arc::default()))
        };
        sizes.iter().enumerate().map(make).collect()
    }

    fn joined(fields: &[Bytes]) -> Vec<u8> {
        fields.concat()
    }

    fn one_by_one(items: &[Arc<Resource>], variant: Variant) -> Vec<u8> {
        items.iter().flat_map(|r| r.field(variant)).collect()
    }

    #[test]
    fn a_whole_list_is_shared_and_equals_its_parts() {
        for sizes in [
            vec![],
            vec![10],
            vec![200; 2_000],
            vec![70_000, 10, 10, 70_000, 70_000, 10],
            vec![65_536; 3],
        ] {
            let items = items(&sizes);
            let segments = Segments::new(items.clone());
            for variant in [Variant::Sotw, Variant::Delta] {
                let first = segments.fields(&items, variant);
                let second = segments.fields(&items, variant);
                assert_eq!(joined(&first), one_by_one(&items, variant));
                for (a, b) in first.iter().zip(&second) {
                    assert_eq!(a.as_ptr(), b.as_ptr(), "the same piece");
                }
                let (_, all_but_last) = first.split_last().unwrap_or((&Bytes::new(), &[]));
                assert!(sizes.contains(&10) || all_but_last.iter().all(|b| b.len() >= PIECE));
            }
        }
    }

    #[test]
    fn every_selection_yields_its_own_resources() {
        let items = items(&[40_000, 40_000, 5, 80_000, 30_000, 30_000, 30_000, 1]);
        let segments = Segments::new(items.clone());
        for bits in 0_u32..1 << items.len() {
            let selection: Vec<_> = (0..items.len())
                .filter(|at| bits & (1 << at) != 0)
                .map(|at| items[at].clone())
                .collect();
            let fields = segments.fields(&selection, Variant::Delta);
            assert_eq!(
                joined(&fields),
                one_by_one(&selection, Variant::Delta),
                "selection {bits:b}"
            );
        }
    }

    #[test]
    fn a_stranger_in_the_selection_is_copied() {
        let ours = items(&[10, 10, 10]);
        let segments = Segments::new(ours.clone());
        let other = items(&[20, 20, 20, 20]);
        let selection = vec![ours[0].clone(), other[1].clone(), other[3].clone()];
        let fields = segments.fields(&selection, Variant::Sotw);
        assert_eq!(joined(&fields), one_by_one(&selection, Variant::Sotw));
    }
}
