"""HTML pages made of templates: the data report and the model card."""
