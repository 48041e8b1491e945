//! Made-up people and places from short lists of common words.

use std::fmt::Write as _;

use crate::seed::{Stream, below};

const WOMEN: [&str; 40] = [
    "Ana",
    "Beatriz",
    "Camila",
    "Carolina",
    "Cecília",
    "Clara",
    "Daniela",
    "Débora",
    "Eduarda",
    "Elaine",
    "Fernanda",
    "Flávia",
    "Gabriela",
    "Helena",
    "Heloísa",
    "Isabela",
    "Jéssica",
    "Juliana",
    "Larissa",
    "Laura",
    "Letícia",
    "Lívia",
    "Luana",
    "Luísa",
    "Marcela",
    "Maria",
    "Mariana",
    "Marina",
    "Natália",
    "Patrícia",
    "Paula",
    "Rafaela",
    "Raquel",
    "Renata",
    "Sandra",
    "Simone",
    "Sofia",
    "Tatiana",
    "Valentina",
    "Vitória",
];

const MEN: [&str; 40] = [
    "Alexandre",
    "André",
    "Antônio",
    "Arthur",
    "Bernardo",
    "Bruno",
    "Caio",
    "Carlos",
    "Cauã",
    "Daniel",
    "Davi",
    "Diego",
    "Eduardo",
    "Enzo",
    "Felipe",
    "Fernando",
    "Francisco",
    "Gabriel",
    "Guilherme",
    "Gustavo",
    "Heitor",
    "Henrique",
    "Igor",
    "João",
    "José",
    "Leonardo",
    "Lucas",
    "Luiz",
    "Marcelo",
    "Mateus",
    "Miguel",
    "Murilo",
    "Nicolas",
    "Otávio",
    "Paulo",
    "Pedro",
    "Rafael",
    "Rodrigo",
    "Thiago",
    "Vinícius",
];

const SURNAMES: [&str; 60] = [
    "Almeida",
    "Alves",
    "Andrade",
    "Araújo",
    "Azevedo",
    "Barbosa",
    "Barros",
    "Batista",
    "Borges",
    "Braga",
    "Brito",
    "Campos",
    "Cardoso",
    "Carneiro",
    "Carvalho",
    "Castro",
    "Cavalcanti",
    "Coelho",
    "Correia",
    "Costa",
    "Cunha",
    "Dias",
    "Duarte",
    "Farias",
    "Fernandes",
    "Ferreira",
    "Fonseca",
    "Freitas",
    "Gomes",
    "Gonçalves",
    "Lima",
    "Lopes",
    "Macedo",
    "Machado",
    "Martins",
    "Medeiros",
    "Melo",
    "Mendes",
    "Miranda",
    "Monteiro",
    "Moraes",
    "Moreira",
    "Moura",
    "Nascimento",
    "Nogueira",
    "Oliveira",
    "Pereira",
    "Pinto",
    "Ramos",
    "Reis",
    "Ribeiro",
    "Rocha",
    "Rodrigues",
    "Santana",
    "Santos",
    "Silva",
    "Souza",
    "Teixeira",
    "Vasconcelos",
    "Vieira",
];

const STREET_KINDS: [&str; 5] = ["Rua", "Rua", "Avenida", "Travessa", "Alameda"];

const STREETS: [&str; 40] = [
    "das Acácias",
    "das Flores",
    "das Palmeiras",
    "do Comércio",
    "da Matriz",
    "do Sol",
    "da Lua",
    "dos Ipês",
    "dos Pinheiros",
    "da Paz",
    "da Esperança",
    "das Laranjeiras",
    "do Porto",
    "da Estação",
    "do Mercado",
    "da Fonte",
    "das Mangueiras",
    "dos Girassóis",
    "do Bosque",
    "da Colina",
    "das Águas",
    "do Lago",
    "da Serra",
    "dos Cravos",
    "das Rosas",
    "do Moinho",
    "da Ponte",
    "do Engenho",
    "das Gaivotas",
    "dos Sabiás",
    "da Aurora",
    "do Horizonte",
    "das Pedras",
    "da Alvorada",
    "dos Jasmins",
    "do Campo",
    "das Oliveiras",
    "da Ladeira",
    "dos Coqueiros",
    "do Cruzeiro",
];

const DISTRICTS: [&str; 30] = [
    "Centro",
    "Jardim América",
    "Boa Vista",
    "Vila Nova",
    "Santa Cruz",
    "São José",
    "Bela Vista",
    "Alto da Serra",
    "Jardim das Flores",
    "Parque Verde",
    "Vila Rica",
    "Santo Antônio",
    "Industrial",
    "Liberdade",
    "Nova Esperança",
    "Planalto",
    "Progresso",
    "Cidade Nova",
    "Morada do Sol",
    "Ipiranga",
    "Jardim Europa",
    "Vila Maria",
    "Santa Luzia",
    "Aeroporto",
    "Lagoa Azul",
    "Monte Castelo",
    "Primavera",
    "Recanto",
    "São Francisco",
    "Universitário",
];

const CITY_FIRST: [&str; 18] = [
    "Porto", "Nova", "Vila", "Campo", "Serra", "Lagoa", "Barra", "Monte", "Rio", "Ponta", "Costa",
    "Vale", "Ribeira", "Boca", "Ilha", "Mata", "Alto", "Passo",
];

const CITY_LAST: [&str; 18] = [
    "da Aurora",
    "do Ipê",
    "das Garças",
    "do Mirante",
    "da Prata",
    "dos Ventos",
    "da Neblina",
    "do Jatobá",
    "das Araras",
    "do Sereno",
    "da Pedra Lisa",
    "dos Canários",
    "da Figueira",
    "do Cedro",
    "das Mangabas",
    "do Luar",
    "da Restinga",
    "dos Buritis",
];

/// Cities of a state; the first is its largest.
pub(crate) const CITIES_PER_STATE: usize = 12;

/// Shares of a state's customers by city: the largest has a third, as capitals do.
pub(crate) const CITY_WEIGHTS: [u64; CITIES_PER_STATE] = [36, 14, 10, 8, 7, 6, 5, 4, 3, 3, 2, 2];

/// Every city of every state, each name once in the country.
pub(crate) fn cities(states: usize) -> Vec<String> {
    let name = |at: usize| {
        let (first, last) = (
            at % CITY_FIRST.len(),
            at / CITY_FIRST.len() % CITY_LAST.len(),
        );
        format!("{} {}", CITY_FIRST[first], CITY_LAST[last])
    };
    (0..states * CITIES_PER_STATE).map(name).collect()
}

/// One of a list.
fn one_of<'a>(list: &[&'a str], bits: u64) -> &'a str {
    list[below(bits, list.len() as u64) as usize]
}

/// Appends a first name and two surnames.
pub(crate) fn person(row: Stream, woman: bool, out: &mut String) {
    out.push_str(one_of(if woman { &WOMEN } else { &MEN }, row.at(0)));
    for draw in [1, 2] {
        out.push(' ');
        out.push_str(one_of(&SURNAMES, row.at(draw)));
    }
}

/// Appends a street with a number.
pub(crate) fn street(row: Stream, out: &mut String) {
    let number = 1 + row.below(2, 2500);
    let (kind, name) = (
        one_of(&STREET_KINDS, row.at(0)),
        one_of(&STREETS, row.at(1)),
    );
    let _ = write!(out, "{kind} {name}, {number}");
}

/// A district.
pub(crate) fn district(bits: u64) -> &'static str {
    one_of(&DISTRICTS, bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_cities_share_a_name() {
        let cities = cities(27);
        assert_eq!(
            cities.iter().collect::<HashSet<_>>().len(),
            27 * CITIES_PER_STATE
        );
        assert_eq!(CITY_WEIGHTS.iter().sum::<u64>(), 100);
    }
}
