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
            "indicators/bands_of_pupils.sql",
            "indicators/bands_of_schools.sql",
            "indicators/evolution.sql",
            "indicators/hit_rate.sql",
            "indicators/hit_rate_by_descriptor.sql",
            "indicators/hit_rate_by_grade.sql",
            "indicators/hit_rate_by_municipality.sql",
            "indicators/hit_rate_by_school.sql",
            "indicators/hit_rate_by_shift.sql",
            "indicators/hit_rate_by_subject.sql",
            "indicators/hit_rate_by_test.sql",
            "indicators/participation.sql",
            "indicators/ranking_of_pupils.sql",
            "indicators/ranking_of_schools.sql",
            "indicators/reading.sql",
            "indicators/reading_by_test.sql",
            "indicators/reading_levels.sql",
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
            "fact_stock.sql",
            "indicators/average_ticket.sql",
            "indicators/cancel_and_return_rate.sql",
            "indicators/cohort_retention.sql",
            "indicators/customers_abc.sql",
            "indicators/customers_abc_curve.sql",
            "indicators/customers_above_limit.sql",
            "indicators/customers_most_above_limit.sql",
            "indicators/growth.sql",
            "indicators/items_per_invoice.sql",
            "indicators/revenue.sql",
            "indicators/revenue_by_category.sql",
            "indicators/revenue_by_flavour.sql",
            "indicators/revenue_by_month.sql",
            "indicators/revenue_by_product.sql",
            "indicators/revenue_by_seller.sql",
            "indicators/revenue_by_state.sql",
            "indicators/seller_commission.sql",
            "indicators/stock_cover.sql",
            "indicators/stock_shortest.sql",
            "indicators/tax_by_state.sql",
            "indicators/top_and_bottom_products.sql",
        )),
        _ => None,
    }
}
