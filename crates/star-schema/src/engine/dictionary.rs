//! One dictionary a text column, shared by all workers: each text once, in an arena, with the hash of
//! its value. Codes depend on who came first, so nothing that lasts may depend on codes.

use std::sync::{Arc, PoisonError, RwLock};

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, StringArray};
use hashbrown::HashTable;

use super::hash;

/// The code of a null.
pub(crate) const NULL: u32 = 0;

/// The texts of one column.
pub(crate) struct Dictionary {
    texts: RwLock<Texts>,
    /// The most that it may hold, in bytes, its views beside it.
    limit: usize,
    /// Numbers that others keep for each text: a worker its hash, who sorts them two.
    views: usize,
}

/// The dictionary has outgrown its share.
#[derive(Debug)]
pub(crate) struct Overflow;

#[derive(Default)]
struct Texts {
    arena: Vec<u8>,
    /// Where each text ends; the text of code `n` is number `n - 1`.
    ends: Vec<usize>,
    hashes: Vec<u64>,
    codes: HashTable<u32>,
}

impl Texts {
    fn text(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.arena[start..self.ends[number]]
    }

    fn find(&self, hash: u64, text: &[u8]) -> Option<u32> {
        let same = |&code: &u32| {
            let number = code as usize - 1;
            self.hashes[number] == hash && self.text(number) == text
        };
        self.codes.find(hash, same).copied()
    }

    fn insert(&mut self, hash: u64, text: &[u8]) -> u32 {
        self.arena.extend_from_slice(text);
        self.ends.push(self.arena.len());
        self.hashes.push(hash);
        let code = self.ends.len() as u32;
        let hashes = &self.hashes;
        self.codes
            .insert_unique(hash, code, |&code| hashes[code as usize - 1]);
        code
    }

    /// What is held with so many views once there is one text more. What grows does so by doubling.
    fn bytes_with(&self, text: &[u8], views: usize) -> usize {
        let grown = |length: usize, capacity: usize| {
            if length <= capacity {
                capacity
            } else {
                length.max(2 * capacity)
            }
        };
        let count = self.ends.len() + 1;
        let numbers = grown(count, self.ends.capacity()) + grown(count, self.hashes.capacity());
        grown(self.arena.len() + text.len(), self.arena.capacity())
            + 8 * (numbers + views * count)
            + 5 * grown(count, self.codes.capacity())
    }

    fn bytes(&self) -> usize {
        // The table keeps a byte of control beside each code.
        self.arena.capacity()
            + 8 * (self.ends.capacity() + self.hashes.capacity())
            + 5 * self.codes.capacity()
    }
}

impl Dictionary {
    /// One that holds at most so many bytes, with so many views of it.
    pub(crate) fn new(limit: usize, views: usize) -> Self {
        Self {
            texts: RwLock::default(),
            limit,
            views,
        }
    }

    /// The bytes that it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.texts
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .bytes()
    }

    /// The codes of texts, in their order; each text that is new gets one.
    fn intern<'a>(
        &self,
        texts: impl Iterator<Item = &'a str> + Clone,
        codes: &mut Vec<u32>,
    ) -> Result<(), Overflow> {
        let start = codes.len();
        let mut unknown = false;
        {
            let known = self.texts.read().unwrap_or_else(PoisonError::into_inner);
            codes.extend(texts.clone().map(|text| {
                let code = known.find(hash::of_bytes(text.as_bytes()), text.as_bytes());
                unknown |= code.is_none();
                code.unwrap_or(NULL)
            }));
        }
        if !unknown {
            return Ok(());
        }
        let mut all = self.texts.write().unwrap_or_else(PoisonError::into_inner);
        for (code, text) in codes[start..].iter_mut().zip(texts) {
            if *code == NULL {
                let (hash, text) = (hash::of_bytes(text.as_bytes()), text.as_bytes());
                *code = match all.find(hash, text) {
                    Some(known) => known,
                    None if self.is_full(&all, text) => return Err(Overflow),
                    None => all.insert(hash, text),
                };
            }
        }
        Ok(())
    }

    /// Whether one text more would be too much.
    fn is_full(&self, texts: &Texts, text: &[u8]) -> bool {
        texts.bytes_with(text, self.views) > self.limit || texts.ends.len() > i32::MAX as usize - 2
    }

    /// The place of each code among the codes in the order of their texts; the null comes first.
    pub(crate) fn ranks(&self) -> Vec<u64> {
        let texts = self.texts.read().unwrap_or_else(PoisonError::into_inner);
        let mut order: Vec<usize> = (0..texts.ends.len()).collect();
        order.sort_unstable_by_key(|&number| texts.text(number));
        let mut ranks = vec![0; order.len() + 1];
        for (rank, number) in order.into_iter().enumerate() {
            ranks[number + 1] = rank as u64 + 1;
        }
        ranks
    }

    /// All texts as an array: the text of code `n` stands at `n - 1`.
    pub(crate) fn values(&self) -> StringArray {
        let texts = self.texts.read().unwrap_or_else(PoisonError::into_inner);
        let mut builder = StringBuilder::with_capacity(texts.ends.len(), texts.arena.len());
        for number in 0..texts.ends.len() {
            // Only whole texts ever went in.
            builder.append_value(String::from_utf8_lossy(texts.text(number)));
        }
        builder.finish()
    }
}

/// One worker's view of a dictionary.
pub(crate) struct Coder {
    dictionary: Arc<Dictionary>,
    /// The hash of each code that was seen, the null's first.
    hashes: Vec<u64>,
    /// The values of the last dictionary array, and the code of each: batches of one row group share
    /// their values.
    values: Option<ArrayRef>,
    codes: Vec<u32>,
    scratch: Vec<u32>,
}

/// A place of [`Coder::codes`] that nobody has asked for yet.
const UNMAPPED: u32 = u32::MAX;

impl Coder {
    pub(crate) fn new(dictionary: Arc<Dictionary>) -> Self {
        Self {
            dictionary,
            hashes: vec![hash::NULL],
            values: None,
            codes: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Appends the codes of a column of texts, plain or as a dictionary.
    pub(crate) fn append(&mut self, array: &ArrayRef, out: &mut Vec<u64>) -> Result<(), Overflow> {
        if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
            self.keep(dictionary.values());
            let keys = dictionary.keys();
            self.map(keys.values(), keys.nulls())?;
            let codes = &self.codes;
            match keys.nulls().filter(|nulls| nulls.null_count() > 0) {
                None => {
                    out.extend(
                        keys.values()
                            .iter()
                            .map(|&key| u64::from(codes[key as usize])),
                    );
                }
                Some(nulls) => {
                    out.extend(keys.values().iter().enumerate().map(|(row, &key)| {
                        if nulls.is_valid(row) {
                            u64::from(codes[key as usize])
                        } else {
                            u64::from(NULL)
                        }
                    }));
                }
            }
        } else {
            let texts = array.as_string::<i32>();
            self.scratch.clear();
            self.dictionary
                .intern(texts.iter().flatten(), &mut self.scratch)?;
            let mut codes = self.scratch.iter();
            out.extend((0..texts.len()).map(|row| {
                let code = if texts.is_valid(row) {
                    codes.next()
                } else {
                    None
                };
                u64::from(code.copied().unwrap_or(NULL))
            }));
        }
        Ok(())
    }

    /// Forgets the map when the values are others.
    fn keep(&mut self, values: &ArrayRef) {
        if self
            .values
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, values) || same(known, values))
        {
            return;
        }
        self.codes.clear();
        self.codes.resize(values.len(), UNMAPPED);
        self.values = Some(Arc::clone(values));
    }

    /// Maps those keys that are used for the first time.
    fn map(
        &mut self,
        keys: &[i32],
        nulls: Option<&arrow_buffer::NullBuffer>,
    ) -> Result<(), Overflow> {
        let Some(values) = &self.values else {
            return Ok(());
        };
        let texts = values.as_string::<i32>();
        let mut new = Vec::new();
        for (row, &key) in keys.iter().enumerate() {
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            let code = &mut self.codes[key as usize];
            if *code == UNMAPPED {
                *code = NULL;
                if texts.is_valid(key as usize) {
                    new.push(key as usize);
                }
            }
        }
        self.scratch.clear();
        let interned = self
            .dictionary
            .intern(new.iter().map(|&key| texts.value(key)), &mut self.scratch);
        for (&key, &code) in new.iter().zip(&self.scratch) {
            self.codes[key] = code;
        }
        interned
    }

    /// Mixes the hashes of codes into those of their rows.
    pub(crate) fn mix(&mut self, codes: &[u64], hashes: &mut [u64]) {
        let largest = codes.iter().copied().max().unwrap_or(0) as usize;
        if largest >= self.hashes.len() {
            let texts = self
                .dictionary
                .texts
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            let known = self.hashes.len() - 1;
            self.hashes.extend_from_slice(&texts.hashes[known..]);
        }
        for (hash, &code) in hashes.iter_mut().zip(codes) {
            *hash = hash::mix(*hash, self.hashes[code as usize]);
        }
    }
}

/// Whether two arrays are one and the same memory.
fn same(left: &ArrayRef, right: &ArrayRef) -> bool {
    match (left.as_string_opt::<i32>(), right.as_string_opt::<i32>()) {
        (Some(left), Some(right)) => {
            left.len() == right.len()
                && left.values().ptr_eq(right.values())
                && left.offsets().ptr_eq(right.offsets())
        }
        _ => false,
    }
}
