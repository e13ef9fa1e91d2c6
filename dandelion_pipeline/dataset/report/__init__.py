"""The data report: one page that shows people what a data set is made of."""

from dandelion_pipeline.dataset.report.data import PHOTOS, REJECTED, DataReport
from dandelion_pipeline.dataset.report.page import data_report_page

__all__ = ["PHOTOS", "REJECTED", "DataReport", "data_report_page"]
