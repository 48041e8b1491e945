//! What the tests ask for, and names of grades and classes.

use std::fmt::Write as _;

/// Descriptors of a subject: nine things to do with nine things.
pub(super) const DESCRIPTORS: usize = 81;

/// From the first grade's to the ninth's; with each of them, everything in [`SKILLS`].
const TOPICS: [[&str; 9]; 2] = [
    [
        "quantidades até 20",
        "números naturais até 1.000",
        "adição e subtração",
        "multiplicação e divisão",
        "medidas de comprimento, massa e tempo",
        "frações e números decimais",
        "proporções e porcentagens",
        "equações do primeiro grau",
        "áreas e volumes",
    ],
    [
        "parlendas e cantigas",
        "bilhetes e convites",
        "contos e fábulas",
        "histórias em quadrinhos",
        "notícias",
        "textos de divulgação científica",
        "poemas",
        "crônicas",
        "artigos de opinião",
    ],
];

const SKILLS: [[&str; 9]; 2] = [
    [
        "Reconhecer representações de",
        "Relacionar a situações do cotidiano:",
        "Resolver problema com",
        "Completar tabelas sobre",
        "Interpretar gráficos sobre",
        "Estimar resultados com",
        "Identificar o erro em um cálculo com",
        "Escolher o procedimento adequado para",
        "Elaborar problema com",
    ],
    [
        "Localizar informação explícita em",
        "Inferir o sentido de uma expressão em",
        "Identificar o tema de",
        "Reconhecer a finalidade de",
        "Inferir informação implícita em",
        "Estabelecer relação de causa e consequência em",
        "Reconhecer o efeito da pontuação em",
        "Identificar quem fala em",
        "Comparar ideias de diferentes",
    ],
];

const CODES: [&str; 2] = ["MAT", "POR"];

/// The codes of all descriptors: mathematics, then Portuguese.
pub(super) fn codes() -> impl Iterator<Item = String> {
    (0..2 * DESCRIPTORS).map(|at| {
        let (subject, number) = (CODES[at / DESCRIPTORS], at % DESCRIPTORS + 1);
        format!("{subject}_D{number:02}")
    })
}

/// Their texts.
pub(super) fn descriptors() -> impl Iterator<Item = String> {
    (0..2 * DESCRIPTORS).map(|at| {
        let (subject, at) = (at / DESCRIPTORS, at % DESCRIPTORS);
        format!("{} {}", SKILLS[subject][at % 9], TOPICS[subject][at / 9])
    })
}

/// Names of the nine grades.
pub(super) fn grades() -> impl Iterator<Item = String> {
    (1..=9).map(grade)
}

/// The name of a grade.
pub(super) fn grade(grade: usize) -> String {
    format!("{grade}º Ano EF")
}

/// Appends the name of a class: `6º ANO A`, or `6o ANO "A"`.
pub(super) fn push_class(grade: usize, class: u64, quoted: bool, out: &mut String) {
    let (ordinal, quote) = if quoted {
        ("o ANO ", "\"")
    } else {
        ("º ANO ", "")
    };
    let _ = write!(out, "{grade}{ordinal}{quote}");
    out.push(char::from(b'A' + (class % 26) as u8));
    // Past Z there are A1, B1 and so on.
    if class >= 26 {
        let _ = write!(out, "{}", class / 26);
    }
    out.push_str(quote);
}
