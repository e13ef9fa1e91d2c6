"""What the API answers: schemas, routes, problem documents."""
