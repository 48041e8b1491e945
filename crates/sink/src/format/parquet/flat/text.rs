//! Text and dictionaries of a page.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef};

use super::super::blocks::Blocks;
use super::super::bounds::TextBound;
use super::super::packing::{bits, put_delta, put_hybrid};
use super::super::pages::{PAGE_ROWS, TEXT_PAGE_ROWS};
use super::{PageValues, for_valid};

/// The least and the greatest text so far, by their first eight bytes wherever those differ.
#[derive(Default)]
struct TextBounds {
    least: Option<(u64, Vec<u8>)>,
    greatest: Option<(u64, Vec<u8>)>,
}

impl TextBounds {
    #[inline]
    fn add(&mut self, text: &[u8]) {
        let start = text.first_chunk().copied().unwrap_or_else(|| {
            let mut start = [0; 8];
            start[..text.len()].copy_from_slice(text);
            start
        });
        let start = u64::from_be_bytes(start);
        let key = (start, text);
        match &mut self.least {
            Some((at, least)) if key >= (*at, least.as_slice()) => {}
            least => *least = Some((start, text.to_vec())),
        }
        match &mut self.greatest {
            Some((at, greatest)) if key <= (*at, greatest.as_slice()) => {}
            greatest => *greatest = Some((start, text.to_vec())),
        }
    }

    fn take(&mut self) -> Option<(TextBound, TextBound)> {
        let least = self.least.take()?.1;
        let greatest = self.greatest.take()?.1;
        Some((TextBound::at_most(&least), TextBound::at_least(&greatest)))
    }
}

/// Text, each value behind its length or all lengths first.
pub(super) struct TextValues {
    has_lengths_first: bool,
    lengths: Vec<i32>,
    text: Blocks,
    bounds: TextBounds,
}

impl TextValues {
    pub(super) fn new(has_lengths_first: bool) -> Self {
        Self {
            has_lengths_first,
            lengths: Vec::with_capacity(TEXT_PAGE_ROWS),
            text: Blocks::default(),
            bounds: TextBounds::default(),
        }
    }
}

impl PageValues for TextValues {
    type Bound = TextBound;

    fn push(&mut self, array: &dyn Array, out: &mut Vec<u8>) {
        let Some(array) = array.as_string_opt::<i32>() else {
            return;
        };
        let (offsets, bytes) = (array.value_offsets(), array.value_data());
        for_valid(array, |start, end| {
            let offsets = &offsets[start..=end];
            for ends in offsets.windows(2) {
                let text = &bytes[ends[0] as usize..ends[1] as usize];
                self.bounds.add(text);
                if !self.has_lengths_first {
                    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    out.extend_from_slice(text);
                }
            }
            if self.has_lengths_first {
                self.lengths
                    .extend(offsets.windows(2).map(|ends| ends[1] - ends[0]));
                let (first, last) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
                self.text.extend(&bytes[first..last]);
            }
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Option<(TextBound, TextBound)> {
        if self.has_lengths_first {
            put_delta(&self.lengths, out);
            out.reserve(self.text.len());
            self.text
                .iter()
                .for_each(|text| out.extend_from_slice(text));
            self.lengths.clear();
            self.text.clear();
        }
        self.bounds.take()
    }
}

/// A key that no value has been given yet.
const NO_KEY: u32 = u32::MAX;

/// Keys of an Arrow dictionary, renumbered by their first appearance in the row group: so the
/// bytes do not depend on what else the dictionary holds, or on a new one for each batch.
#[derive(Default)]
pub(super) struct DictionaryValues {
    /// The dictionary of the last array, and its keys in ours.
    values: Option<ArrayRef>,
    ours: Vec<u32>,
    known: HashMap<Box<[u8]>, u32>,
    texts: Vec<Box<[u8]>>,
    /// The dictionary page.
    page: Vec<u8>,
    keys: Vec<u32>,
    /// Which of our keys the page has.
    used: Vec<bool>,
}

impl DictionaryValues {
    fn key_of(&mut self, text: &[u8]) -> u32 {
        if let Some(key) = self.known.get(text) {
            return *key;
        }
        let key = self.texts.len() as u32;
        self.known.insert(text.into(), key);
        self.texts.push(text.into());
        self.page
            .extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.page.extend_from_slice(text);
        self.used.push(false);
        key
    }
}

impl PageValues for DictionaryValues {
    type Bound = TextBound;

    fn push(&mut self, array: &dyn Array, _out: &mut Vec<u8>) {
        let Some(array) = array.as_dictionary_opt::<Int32Type>() else {
            return;
        };
        let values = array.values();
        let Some(texts) = values.as_string_opt::<i32>() else {
            return;
        };
        let is_same = self
            .values
            .as_ref()
            .is_some_and(|last| Arc::ptr_eq(last, values));
        if !is_same {
            self.ours.clear();
            self.ours.resize(values.len(), NO_KEY);
            self.values = Some(values.clone());
        }
        let keys = array.keys().values();
        for_valid(array, |start, end| {
            // Once, for all pages: growing would leave pieces behind.
            self.keys.reserve(PAGE_ROWS - self.keys.len());
            for key in &keys[start..end] {
                let mut ours = self.ours[*key as usize];
                if ours == NO_KEY {
                    ours = self.key_of(texts.value(*key as usize).as_bytes());
                    self.ours[*key as usize] = ours;
                }
                self.used[ours as usize] = true;
                self.keys.push(ours);
            }
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Option<(TextBound, TextBound)> {
        let width = bits(self.texts.len().saturating_sub(1) as u64);
        out.push(width as u8);
        put_hybrid(&self.keys, width, out);
        self.keys.clear();
        let mut bounds = TextBounds::default();
        for (text, used) in self.texts.iter().zip(&mut self.used) {
            if std::mem::take(used) {
                bounds.add(text);
            }
        }
        bounds.take()
    }

    fn dictionary(&self) -> Option<(&[u8], usize)> {
        Some((&self.page, self.texts.len()))
    }
}
