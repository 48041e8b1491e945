//! What products can be: kinds of drinks, lines, sizes and flavours, and which go together.

/// A kind of drink: the flavours that it comes in, and how often each of [`SIZES`].
pub(super) struct Category {
    pub(super) name: &'static str,
    pub(super) flavours: &'static [usize],
    pub(super) sizes: [u64; 6],
}

/// Nobody bottles wine in cans of two litres: flavours and sizes go with the drink.
pub(super) const CATEGORIES: [Category; 9] = [
    Category {
        name: "Refrigerante",
        flavours: &[0, 1, 2, 3, 4],
        sizes: [30, 6, 4, 12, 14, 34],
    },
    Category {
        name: "Suco",
        flavours: &[2, 3, 4, 5, 6, 7, 8, 9],
        sizes: [26, 4, 10, 34, 18, 8],
    },
    Category {
        name: "Água",
        flavours: &[10, 11, 2],
        sizes: [20, 24, 4, 8, 34, 10],
    },
    Category {
        name: "Cerveja",
        flavours: &[12, 13, 14, 15],
        sizes: [52, 24, 16, 8, 0, 0],
    },
    Category {
        name: "Chá gelado",
        flavours: &[2, 6, 16, 1],
        sizes: [40, 8, 4, 14, 30, 4],
    },
    Category {
        name: "Leite",
        flavours: &[17, 18, 19],
        sizes: [4, 0, 0, 84, 4, 8],
    },
    Category {
        name: "Vinho",
        flavours: &[20, 21, 22],
        sizes: [4, 4, 78, 8, 6, 0],
    },
    Category {
        name: "Achocolatado",
        flavours: &[0, 1, 23],
        sizes: [56, 4, 4, 36, 0, 0],
    },
    Category {
        name: "Chá quente",
        flavours: &[24, 25, 26, 16],
        sizes: [62, 24, 14, 0, 0, 0],
    },
];

const fn line(name: &'static str, category: usize, price: u64) -> Line {
    Line {
        name,
        category,
        price,
    }
}

/// A product line: its brand name, category and price of its smallest size, cents.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) category: usize,
    pub(super) price: u64,
}

/// Made-up brands, ordered by season group.
pub(super) const LINES: [Line; 18] = [
    line("Serra Cola", 0, 349),
    line("Guaraná Jaci", 0, 329),
    line("Sol Citrus", 0, 299),
    line("Pomar do Vale", 1, 459),
    line("Fruta Viva", 1, 519),
    line("Fonte Clara", 2, 281),
    line("Águas da Neblina", 2, 289),
    line("Cervejaria Aurora", 3, 489),
    line("Malte Real", 3, 649),
    line("Chá Brisa", 4, 399),
    line("Laticínios Campo Bom", 5, 429),
    line("Leite da Colina", 5, 389),
    line("Vinícola Dois Rios", 6, 1190),
    line("Adega Mirante", 6, 1590),
    line("Choco Bom", 7, 559),
    line("Cacau do Norte", 7, 629),
    line("Chá da Serra", 8, 499),
    line("Infusões Jatobá", 8, 579),
];

/// Where each group's lines stand in [`LINES`].
pub(super) const GROUP_LINES: [(u64, u64); 3] = [(0, 10), (10, 14), (14, 18)];

pub(super) const PACKAGINGS: [&str; 3] = ["Garrafa", "PET", "Lata"];

/// Sizes with their packaging and their price in hundredths of the smallest size's.
pub(super) const SIZES: [(&str, usize, u64); 6] = [
    ("350 ml", 2, 100),
    ("470 ml", 2, 125),
    ("700 ml", 0, 160),
    ("1 Litro", 0, 195),
    ("1,5 Litros", 1, 235),
    ("2 Litros", 1, 265),
];

pub(super) const FLAVOURS: [&str; 27] = [
    "Tradicional",
    "Zero",
    "Limão",
    "Laranja",
    "Uva",
    "Maracujá",
    "Pêssego",
    "Abacaxi",
    "Manga",
    "Acerola",
    "Sem gás",
    "Com gás",
    "Pilsen",
    "Lager",
    "Puro malte",
    "Sem álcool",
    "Hortelã",
    "Integral",
    "Semidesnatado",
    "Desnatado",
    "Tinto",
    "Branco",
    "Rosé",
    "Avelã",
    "Camomila",
    "Erva-doce",
    "Capim-limão",
];
