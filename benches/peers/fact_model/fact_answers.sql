SELECT
    state, town, school, grade, pupil, test, descriptor,
    SUM(is_right) AS answers_right,
    SUM(1 - is_right) AS answers_wrong
FROM answers
GROUP BY state, town, school, grade, pupil, test, descriptor
