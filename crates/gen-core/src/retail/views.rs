//! The views of `retail`: its star, and indicators of it.
//!
//! What an invoice's own row tells is asked of `invoices`; only what is told by product needs the lines
//! with their shares. Each statement says the same as that of the same name in the star's model.

use crate::views::{View, view};

/// In an order in which they can be made.
pub(super) const VIEWS: &[View] = &[
    view!("views", "dim_customer"),
    view!("views", "dim_seller"),
    view!("views", "dim_product"),
    view!("views", "dim_date", apart),
    view!("views", "dim_payment"),
    view!("views", "fact_sales", apart),
    view!("views", "fact_sales_daily"),
    view!("views", "fact_stock"),
    view!("views", "revenue"),
    view!("views", "average_ticket"),
    view!("views", "items_per_invoice"),
    view!("views", "cancel_and_return_rate"),
    view!("views", "revenue_by_month"),
    view!("views", "growth"),
    view!("views", "revenue_by_state"),
    view!("views", "revenue_by_category"),
    view!("views", "revenue_by_flavour"),
    view!("views", "revenue_by_product"),
    view!("views", "top_and_bottom_products"),
    view!("views", "revenue_by_seller"),
    view!("views", "seller_commission"),
    view!("views", "tax_by_state"),
    view!("views", "customers_abc"),
    view!("views", "customers_abc_curve"),
    view!("views", "customers_above_limit"),
    view!("views", "customers_most_above_limit"),
    view!("views", "cohort_retention"),
    view!("views", "stock_cover"),
    view!("views", "stock_shortest"),
];
