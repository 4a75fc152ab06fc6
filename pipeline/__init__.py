"""reklake: Amazon Rekognition Custom Labels projects and model versions as a lake of Parquet."""
