//! Thrift's compact protocol, as far as it takes to look through a Parquet footer or page header
//! before the parquet crate reads it: that one makes room for what lists promise, and goes down
//! into schemas as deep as they are.

/// How deep structs lie within one another in a footer, and more.
const MOST_NESTED: usize = 32;
/// How deep columns lie within one another, and more.
const MOST_SCHEMA_DEPTH: usize = 100;
/// The least that a struct in a list takes.
const LEAST_STRUCT_BYTES: u64 = 3;

const BOOL_TRUE: u8 = 1;
const BOOL_FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

/// The number of the schema among the fields of a footer, and of its children's number among those
/// of a schema's element.
const SCHEMA: i64 = 2;
const CHILDREN: i64 = 5;

/// Whether a footer is one that can be read without fear.
pub(super) fn is_sane_footer(footer: &[u8]) -> bool {
    let mut bytes = Bytes(footer);
    let schema = |bytes: &mut Bytes<'_>, id: i64, kind: u8| {
        if id == SCHEMA && kind == LIST {
            bytes.schema()
        } else {
            bytes.skip(kind, 1)
        }
    };
    bytes.fields(schema).is_some()
}

/// The sizes that a page's header names, before and after compression; `None` where it has none.
pub(super) fn page_sizes(header: &[u8]) -> Option<[u64; 2]> {
    let mut bytes = Bytes(header);
    let mut sizes = [None; 2];
    bytes.fields(|bytes, id, kind| {
        match (id, kind) {
            (2, I32) => sizes[0] = Some(bytes.size()?),
            (3, I32) => sizes[1] = Some(bytes.size()?),
            _ => bytes.skip(kind, 1)?,
        }
        Some(())
    })?;
    Some([sizes[0]?, sizes[1]?])
}

/// What is left to be read. Every call gives `None` for bytes that are not what they should be.
struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn drop_bytes(&mut self, count: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A number that is not negative. The lowest bit is the sign.
    fn size(&mut self) -> Option<u64> {
        let value = self.varint()?;
        (value & 1 == 0).then_some(value >> 1)
    }

    /// Hands the fields of a struct out, by number and kind, up to its end.
    fn fields(&mut self, mut take: impl FnMut(&mut Self, i64, u8) -> Option<()>) -> Option<()> {
        let mut id: i64 = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            let step = i64::from(head >> 4);
            if step > 0 {
                id = id.checked_add(step)?;
            } else {
                let number = self.varint()?;
                id = (number >> 1) as i64 ^ -((number & 1) as i64);
            }
            take(self, id, head & 15)?;
        }
    }

    /// The number and kind of a list's elements, which must have room in what is left.
    fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        let kind = head & 15;
        let least = if kind == STRUCT {
            LEAST_STRUCT_BYTES
        } else {
            1
        };
        let needed = count.checked_mul(least)?;
        (needed <= self.0.len() as u64).then_some((count, kind))
    }

    fn skip(&mut self, kind: u8, nested: usize) -> Option<()> {
        if nested > MOST_NESTED {
            return None;
        }
        match kind {
            BOOL_TRUE | BOOL_FALSE => Some(()),
            BYTE => self.drop_bytes(1),
            I16 | I32 | I64 => self.varint().map(|_| ()),
            DOUBLE => self.drop_bytes(8),
            BINARY => {
                let length = self.varint()?;
                self.drop_bytes(length)
            }
            LIST | SET => {
                let (count, kind) = self.list()?;
                for _ in 0..count {
                    // Within a list, a truth takes a byte.
                    if matches!(kind, BOOL_TRUE | BOOL_FALSE) {
                        self.drop_bytes(1)?;
                    } else {
                        self.skip(kind, nested + 1)?;
                    }
                }
                Some(())
            }
            STRUCT => self.fields(|bytes, _, kind| bytes.skip(kind, nested + 1)),
            // No Parquet structure has maps.
            _ => None,
        }
    }

    /// A schema: its elements in the order of a walk through the tree, each with the number of its
    /// children.
    fn schema(&mut self) -> Option<()> {
        let (count, kind) = self.list()?;
        if kind != STRUCT {
            return None;
        }
        // How many children are still to come, on each level.
        let mut levels: Vec<u64> = Vec::new();
        for _ in 0..count {
            let mut children = 0;
            self.fields(|bytes, id, kind| {
                if id == CHILDREN && kind == I32 {
                    children = bytes.size()?;
                    Some(())
                } else {
                    bytes.skip(kind, 1)
                }
            })?;
            if children > 0 {
                levels.push(children);
            } else {
                while let Some(left) = levels.last_mut() {
                    *left -= 1;
                    if *left > 0 {
                        break;
                    }
                    levels.pop();
                }
            }
            if levels.len() > MOST_SCHEMA_DEPTH {
                return None;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_a_page_header() {
        // Kind 0, 300 bytes, 20 bytes.
        let header = [0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x28, 0x00];
        assert_eq!(page_sizes(&header), Some([300, 20]));
        assert_eq!(page_sizes(&header[..6]), None);
        assert_eq!(
            page_sizes(&[0x15, 0x00, 0x15, 0x01, 0x15, 0x28, 0x00]),
            None
        );
        assert_eq!(page_sizes(&[0x15, 0x00, 0x00]), None);
        // Long field numbers say the same.
        let long = [0x05, 0x04, 0xd8, 0x04, 0x05, 0x06, 0x28, 0x00];
        assert_eq!(page_sizes(&long), Some([300, 20]));
    }

    #[test]
    fn footers_that_promise_too_much() {
        // Version 1, a schema of one leaf, no rows, no row groups.
        let leaf = [0x15, 0x02, 0x19, 0x1c, 0x25, 0x00, 0x18, 0x01, b'a', 0x00];
        let end = [0x16, 0x00, 0x19, 0x0c, 0x00];
        assert!(is_sane_footer(&[leaf.as_slice(), &end].concat()));
        assert!(!is_sane_footer(&leaf));
        // Row groups without end.
        let huge = [0x16, 0x00, 0x19, 0xfc, 0xff, 0xff, 0xff, 0x7f, 0x00];
        assert!(!is_sane_footer(&[leaf.as_slice(), &huge].concat()));
        // Structs within structs.
        let deep = [leaf.as_slice(), &[0x1c; 100], &[0; 101]].concat();
        assert!(!is_sane_footer(&deep));
        let flat = [leaf.as_slice(), &[0x1c; 20], &[0; 21]].concat();
        assert!(is_sane_footer(&flat));
    }
}
