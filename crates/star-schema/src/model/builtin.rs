//! The models that are built in, as files.

use std::collections::BTreeMap;

/// Their names.
pub(super) const NAMES: [&str; 2] = ["assessments", "retail"];

/// A file of a model by its name.
macro_rules! model {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../models/", $folder, "/", $name)))),+]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into()
    };
}

pub(super) fn files(model: &str) -> Option<BTreeMap<String, String>> {
    match model {
        "assessments" => Some(model!("assessments":
            "star.toml",
            "dim_aluno.sql",
            "dim_descritor.sql",
            "dim_escola.sql",
            "dim_municipio.sql",
            "dim_teste.sql",
            "fato_resposta_aluno.sql",
        )),
        "retail" => Some(model!("retail":
            "star.toml",
            "dim_customer.sql",
            "dim_date.sql",
            "dim_payment.sql",
            "dim_product.sql",
            "dim_seller.sql",
            "fact_sales.sql",
            "fact_sales_daily.sql",
        )),
        _ => None,
    }
}
