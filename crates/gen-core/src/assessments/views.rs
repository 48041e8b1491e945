//! The views of `assessments`: its star, and indicators of it.
//!
//! Indicators ask the answers themselves; only those of reading, few rows, need the groups of the fact
//! table. Each statement says the same as that of the same name in the star's model.

use crate::views::{View, view};

/// In an order in which they can be made.
pub(super) const VIEWS: &[View] = &[
    view!("views", "dim_aluno"),
    view!("views", "dim_descritor"),
    view!("views", "dim_escola"),
    view!("views", "dim_municipio"),
    view!("views", "dim_teste"),
    view!("views", "fato_resposta_aluno"),
    view!("views", "hit_rate"),
    view!("views", "reading"),
    view!("views", "hit_rate_by_municipality"),
    view!("views", "hit_rate_by_school"),
    view!("views", "hit_rate_by_grade"),
    view!("views", "hit_rate_by_subject"),
    view!("views", "hit_rate_by_test"),
    view!("views", "hit_rate_by_descriptor"),
    view!("views", "hit_rate_by_shift"),
    view!("views", "ranking_of_schools"),
    view!("views", "ranking_of_pupils"),
    view!("views", "bands_of_pupils"),
    view!("views", "bands_of_schools"),
    view!("views", "reading_levels"),
    view!("views", "reading_by_test"),
    view!("views", "participation"),
    view!("views", "evolution"),
];
